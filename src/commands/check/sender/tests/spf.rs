//! SPF as receivers follow it.

use super::*;

/// The lines about this record, in a DNS with some others.
fn with_record(record: &str) -> String {
    let mut dns = made_up([
        ("sender.org", "another text"),
        ("sender.org", record),
        ("one.org", "v=spf1 include:two.org a:mx.sender.org ?all"),
        ("two.org", "v=spf1 ip4:192.0.2.0/24 -all"),
        ("open.org", "v=spf1 +all"),
        ("self.org", "v=spf1 include:self.org -all"),
        ("ping.org", "v=spf1 include:pong.org -all"),
        ("pong.org", "v=spf1 redirect=ping.org"),
        ("wrong.org", "v=spf1 ipv4:192.0.2.1 -all"),
        ("twice.org", "v=spf1 -all"),
        ("twice.org", "v=spf1 ~all"),
        DMARC,
    ]);
    dns.hosts.push("x.org");
    lines(&[], &dns)
}

#[test]
fn a_record_that_is_right_is_counted() {
    for (record, lookups) in [
        ("v=spf1 include:one.org a mx -all", 5),
        ("V=SPF1 Include:ONE.org. ~ALL", 3),
        ("v=spf1 exists:%{i}._spf.x.org include:%{d}.y.org ip6:2001:db8::/32 exp=e.x.org -all", 2),
        ("v=spf1 redirect=two.org", 1),
        ("v=spf1 redirect=gone.org ~all", 0),
        ("v=spf1 -all include:gone.org", 0),
        ("v=spf1 -include:open.org -all", 1),
        ("v=spf1 a:gone.org a:gone.org -all", 2),
        ("v=spf1 include:two.org include:two.org -all", 2),
    ] {
        let lines = with_record(record);
        assert_has(
            &lines,
            &format!("ok       sender.org takes mail; SPF of sender.org takes {lookups} of 10 lookups"),
        );
        assert!(!lines.contains("note"), "{record}: {lines}");
    }
}

#[test]
fn a_record_that_receivers_do_not_use_is_a_problem() {
    let eleven = format!("v=spf1 {} -all", ["a:x.org"; 11].join(" "));
    let thirty = format!("v=spf1 {}-all", "a ".repeat(3000));
    for (record, told) in [
        ("v=spf1 +all", "lets every server of the Internet send"),
        ("v=spf1 all", "lets every server of the Internet send"),
        ("v=spf1 ip4:0.0.0.0/0 -all", "lets every server of the Internet send"),
        ("v=spf1 include:open.org -all", "lets every server of the Internet send"),
        ("v=spf1 redirect=open.org", "lets every server of the Internet send"),
        ("v=spf1 include:gone.org -all", "of sender.org includes \"gone.org\", which has none"),
        ("v=spf1 redirect=gone.org", "of sender.org redirects to \"gone.org\", which has none"),
        ("v=spf1 include:self.org -all", "of self.org includes \"self.org\", which leads back to it"),
        ("v=spf1 include:ping.org -all", "of pong.org redirects to \"ping.org\", which leads back to it"),
        ("v=spf1 include:sender.org -all", "of sender.org includes \"sender.org\", which leads back to it"),
        (
            "v=spf1 include:wrong.org -all",
            "of wrong.org is wrong at \"ipv4:192.0.2.1\", which is nothing that SPF knows",
        ),
        ("v=spf1 include:twice.org -all", "twice.org has 2 SPF records"),
        (
            "v=spf1 a:a.org a:b.org mx:c.org -all",
            "names \"c.org\", which is not in DNS, as more than 2 other names",
        ),
        ("v=spf1 include: two.org -all", "is wrong at \"include:\", which names no whole domain"),
        (
            &eleven,
            "takes 11 lookups, and receivers give up after 10 (RFC 7208 section 4.6.4): \"a:x.org\" 1, ",
        ),
        (&thirty, "takes more than 30 lookups"),
        ("v=spf1 include:\u{1b}[2Jx.org -all", "is wrong at \"include: [2Jx.org\""),
    ] {
        let lines = with_record(record);
        assert!(
            lines.starts_with("sender         FAILED   ") && lines.lines().count() == 1,
            "{record}: {lines}"
        );
        assert_has(&lines, told);
    }
    let two = lines(&[], &made_up([SPF, SPF, DMARC]));
    assert_has(&two, "FAILED   sender.org has 2 SPF records, so receivers use none");
}

#[test]
fn what_is_missing_or_doubtful_is_a_note() {
    for (record, told) in [
        ("v=spf1 a", "says nothing of servers that it does not name"),
        ("v=spf1 a ?all", "says nothing of servers that it does not name"),
        ("v=spf1 redirect=%{d}.x.org", "says nothing of servers that it does not name"),
        ("v=spf1 ptr -all", "has ptr, which is slow"),
        ("hello", "has no SPF record, which Gmail, Yahoo and Microsoft want"),
        ("v=spf1;a -all", "has the TXT record \"v=spf1;a -all\", which is none of SPF"),
        ("\"v=spf1 a -all\"", "which is none of SPF"),
    ] {
        let lines = with_record(record);
        assert!(!lines.contains("FAILED") && lines.contains("note "), "{record}: {lines}");
        assert_has(&lines, told);
    }
    assert_has(&with_record("hello"), ":\n    sender.org. TXT \"v=spf1 SERVERS -all\"\n");
}

#[test]
fn the_domain_of_the_envelope_counts() {
    let set = [("BOUNCE_ADDRESS", "b@bounces.sender.org")];
    let lines = lines(&set, &made_up([SPF, DMARC, ("bounces.sender.org", "v=spf1 mx:x.org +all")]));
    assert_has(&lines, "the SPF record of bounces.sender.org lets every server");
    assert_has(&lines, "bounces.sender.org of BOUNCE_ADDRESS is not in DNS");
    assert!(!lines.contains("SPF of sender.org"), "{lines}");
}
