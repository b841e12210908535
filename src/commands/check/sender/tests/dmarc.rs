//! DMARC policies, reports and alignment.

use super::*;

#[test]
fn a_policy_is_found_at_the_domain_or_above_it() {
    let from = [("FROM_EMAIL", "events@mail.sender.org")];
    for (name, record, told) in [
        (
            "_dmarc.sender.org",
            "v=DMARC1; p=reject; sp=quarantine; rua=mailto:a@sender.org",
            "DMARC policy of sender.org is quarantine",
        ),
        (
            "_dmarc.sender.org",
            "v=DMARC1;p=Reject;rua=MAILTO:a@sender.org!10m",
            "DMARC policy of sender.org is reject",
        ),
        (
            "_dmarc.mail.sender.org",
            "v=DMARC1; p=none; sp=reject; rua=mailto:a@sender.org",
            "DMARC policy is none",
        ),
        (
            "_dmarc.mail.sender.org",
            "v=DMARC1; p=none",
            "note     the DMARC record of _dmarc.mail.sender.org names no mailbox for reports",
        ),
        (
            "_dmarc.mail.sender.org",
            "v=DMARC1; p=none; rua=a@sender.org",
            "wants reports at \"a@sender.org\", which is no mail address",
        ),
        (
            "_dmarc.mail.sender.org",
            "v=DMARC1; p=bounce",
            "FAILED   the DMARC record of _dmarc.mail.sender.org has no policy that is known",
        ),
        ("_dmarc.mail.sender.org", "v=DMARC1", "has no policy that is known"),
        (
            "_dmarc.mail.sender.org",
            "v=DMARC1 p=none",
            "has the TXT record \"v=DMARC1 p=none\" at _dmarc, which is none of DMARC",
        ),
        ("_dmarc.mail.sender.org", "p=none; v=DMARC1", "which is none of DMARC"),
        (
            "_dmarc.sender.org",
            "v=DMARC2; p=reject",
            "note     mail.sender.org of FROM_EMAIL has no DMARC record",
        ),
        ("_dmarc.sender.org", "v=DMARC1; p=reject; psd=y", "has no DMARC record"),
        ("_dmarc.org", "v=DMARC1; p=reject", "has no DMARC record"),
    ] {
        let mut dns = made_up([(name, record)]);
        dns.hosts.push("mail.sender.org");
        assert_has(&lines(&from, &dns), told);
    }
    let missing = lines(&from, &made_up([]));
    assert_has(
        &missing,
        ":\n    _dmarc.mail.sender.org. TXT \"v=DMARC1; p=none; rua=mailto:dmarc@mail.sender.org\"\n",
    );
    let two = lines(&[], &made_up([SPF, DMARC, DMARC]));
    assert_has(&two, "FAILED   _dmarc.sender.org has 2 DMARC records, so receivers use none");
}

#[test]
fn another_organisation_agrees_to_get_reports() {
    let record = ("_dmarc.sender.org", "v=DMARC1; p=none; rua=mailto:a@sub.sender.org,mailto:b@Reports.net");
    let name = "sender.org._report._dmarc.reports.net";
    let asked = lines(&[], &made_up([SPF, record]));
    assert_has(&asked, "wants reports at \"mailto:b@Reports.net\", but that domain has not agreed");
    assert_has(&asked, &format!(":\n    {name}. TXT \"v=DMARC1;\"\n"));
    let agreed = lines(&[], &made_up([SPF, record, (name, "v=DMARC1")]));
    assert!(!agreed.contains("note"), "{agreed}");
}

#[test]
fn domains_that_do_not_align_are_told() {
    let key = TestKey::ed25519("e");
    for (from, bounces, signed_by, policy, word, told) in [
        ("sender.org", Some("bounces.sender.org"), Some("mail.sender.org"), "p=reject", "", ""),
        (
            "sender.org",
            Some("relay.net"),
            Some("sender.org"),
            "p=reject",
            "note",
            "BOUNCE_ADDRESS is at relay.net, so SPF does not count for DMARC, which wants the same organisation; only the signatures are left",
        ),
        (
            "sender.org",
            Some("relay.net"),
            None,
            "p=reject",
            "note",
            "only a signature of the relay for that domain is left",
        ),
        (
            "sender.org",
            Some("bounces.sender.org"),
            None,
            "p=reject; aspf=s",
            "note",
            "which wants exactly that domain (aspf=s)",
        ),
        (
            "mail.sender.org",
            None,
            Some("sender.org"),
            "p=reject; adkim=s",
            "note",
            "DKIM_DOMAIN is sender.org, so the signatures of fanmail do not count for DMARC, which wants exactly that domain (adkim=s); only SPF is left; set DKIM_DOMAIN=mail.sender.org",
        ),
        (
            "sender.org",
            Some("relay.net"),
            Some("relay.net"),
            "p=none",
            "note",
            "DMARC fails, unless the relay signs; set BOUNCE_ADDRESS to one at sender.org, or DKIM_DOMAIN=sender.org",
        ),
        (
            "sender.org",
            Some("relay.net"),
            Some("relay.net"),
            "p=quarantine",
            "FAILED",
            "DMARC fails, unless the relay signs",
        ),
    ] {
        let from_email = format!("events@{from}");
        let bounce_address = bounces.map(|domain| format!("b@{domain}"));
        let mut set = vec![("FROM_EMAIL", from_email.as_str())];
        set.extend(bounce_address.as_deref().map(|address| ("BOUNCE_ADDRESS", address)));
        if let Some(domain) = signed_by {
            set.extend([("DKIM_DOMAIN", domain), ("DKIM_SELECTOR", "e"), ("DKIM_PRIVATE_KEY", &key.private)]);
        }
        let record = format!("v=DMARC1; {policy}; rua=mailto:a@sender.org");
        let lines = lines(&set, &made_up([("_dmarc.sender.org", record.as_str())]));
        assert_eq!(lines.contains("for DMARC"), !told.is_empty(), "{lines}");
        assert_has(&lines, told);
        let line = lines.lines().find(|line| line.contains("for DMARC")).unwrap_or_default();
        assert!(line.contains(word) || line.starts_with("    ") && lines.contains(word), "{word}: {lines}");
    }
}
