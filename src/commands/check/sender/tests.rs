//! What is found in a made-up DNS.

use testkit::dkim::TestKey;

use super::*;
use crate::commands::check::sender::report::publish;
use crate::config::Config;
use crate::dns::Records;
use crate::text::screen::Screen;

mod dmarc;
mod spf;

/// A DNS with these TXT records; `sender.org` and each name in `hosts` has an address, and `sender.org` an MX.
struct MadeUp {
    texts: Vec<(String, String)>,
    exchanges: Vec<&'static str>,
    hosts: Vec<&'static str>,
    /// Names of which it says nothing.
    broken: Vec<&'static str>,
}

impl MadeUp {
    fn answer(&self, name: &str, found: Vec<String>) -> Result<Records<String>, DnsError> {
        if self.broken.contains(&name) {
            return Err(DnsError::Name { name: name.to_owned(), reason: "it is broken".to_owned() });
        }
        let name_exists = !found.is_empty() || self.hosts.contains(&name);
        Ok(Records { found, name_exists })
    }
}

impl Dns for MadeUp {
    fn texts(&self, name: &str) -> Result<Records<String>, DnsError> {
        let found = self.texts.iter().filter(|(known, _)| known == name).map(|(_, text)| text.clone());
        self.answer(name, found.collect())
    }

    fn exchanges(&self, name: &str) -> Result<Records<String>, DnsError> {
        let exchanges = if name == "sender.org" { self.exchanges.as_slice() } else { &[] };
        self.answer(name, exchanges.iter().map(|host| (*host).to_owned()).collect())
    }

    fn addresses(&self, name: &str) -> Result<Records<String>, DnsError> {
        let found = self.hosts.contains(&name).then(|| "192.0.2.1".to_owned());
        self.answer(name, found.into_iter().collect())
    }
}

fn made_up<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> MadeUp {
    MadeUp {
        texts: texts.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect(),
        exchanges: vec!["mx.sender.org"],
        hosts: vec!["sender.org", "mx.sender.org"],
        broken: Vec::new(),
    }
}

const SPF: (&str, &str) = ("sender.org", "v=spf1 ip4:192.0.2.1 -all");
const DMARC: (&str, &str) = ("_dmarc.sender.org", "v=DMARC1; p=reject; rua=mailto:dmarc@sender.org");

fn email(set: &[(&str, &str)]) -> EmailConfig {
    let value =
        |wanted: &str| set.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned());
    let lookup =
        |name: &str| value(name).or_else(|| (name == "FROM_EMAIL").then(|| "events@sender.org".to_owned()));
    Config::from_lookup(&lookup).unwrap().email
}

/// The lines about these variables.
fn lines(set: &[(&str, &str)], dns: &MadeUp) -> String {
    let email = email(set);
    let mut out = Vec::new();
    Sender::of(&email, AskDns::System).look(dns).print("sender", Screen::PLAIN, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[track_caller]
fn assert_has(lines: &str, told: &str) {
    assert!(lines.contains(told), "{told} is missing in:\n{lines}");
}

#[test]
fn a_sender_with_all_records_has_no_problem_and_no_note() {
    let key = TestKey::rsa("fanmail1", 2048);
    let (name, record) = key.record("sender.org");
    let set = [("DKIM_SELECTOR", key.selector), ("DKIM_PRIVATE_KEY", &key.private)];
    let expected = "sender         ok       sender.org takes mail; SPF of sender.org takes 0 of 10 lookups; DKIM key fanmail1 is published; \
                    DMARC policy is reject\n";
    for record in
        [record.clone(), record.replace("k=rsa; ", ""), record.replace("p=MII", "h=sha1:sha256; s=*; p=MII ")]
    {
        assert_eq!(lines(&set, &made_up([SPF, DMARC, (&name, &record)])), expected);
    }
    let expected = expected.replace("DKIM key fanmail1 is published", "signing is left to the relay");
    assert_eq!(lines(&[], &made_up([SPF, DMARC])), expected);
}

#[test]
fn a_key_that_is_not_the_one_in_dns_is_told_with_the_record_to_publish() {
    let key = TestKey::ed25519("e");
    let (name, record) = key.record("sender.org");
    let set = [("DKIM_SELECTOR", key.selector), ("DKIM_PRIVATE_KEY", key.private.as_str())];
    let other = TestKey::ed25519("e").record("sender.org").1;
    let cure = format!("; publish:\n    {}\n", publish(&name, &record));
    for (records, word, told) in [
        (&[][..], "note", "is not in DNS, so no receiver can verify"),
        (&[other.as_str()], "FAILED", "has another key than the one that fanmail signs with"),
        (&["v=DKIM1; p="], "FAILED", "says that the key is revoked"),
        (&["v=spf1 -all"], "FAILED", "has the TXT record \"v=spf1 -all\", which is none of DKIM"),
        (&["hello"], "FAILED", "has the TXT record \"hello\", in which the key (p=) is missing"),
        (
            &[&record.replace("k=ed25519; ", "")],
            "FAILED",
            "has a key of the type \"rsa\", but the private key is one of ed25519",
        ),
        (&[&record.replace("p=", "p=!")], "FAILED", "has another key than"),
        (&[&record.replace("p=", "h=sha1; p=")], "FAILED", "allows the hashes \"sha1\" only"),
        (&[&record.replace("p=", "s=tlsrpt; p=")], "FAILED", "is for \"tlsrpt\" only"),
    ] {
        let texts = records.iter().map(|record| (name.as_str(), *record)).chain([SPF, DMARC]);
        let lines = lines(&set, &made_up(texts));
        assert_has(&lines, &format!("{word:<8} e._domainkey.sender.org {told}"));
        assert_has(&lines, &cure);
        assert_eq!(lines.contains("FAILED"), word == "FAILED", "{lines}");
    }
    let several = lines(&set, &made_up([SPF, DMARC, (&name, &record), (&name, &other)]));
    assert_has(&several, "FAILED   e._domainkey.sender.org has 2 TXT records");
    let test = lines(&set, &made_up([SPF, DMARC, (&name, &record.replace("p=", "t=s:y; p="))]));
    assert_has(&test, "note     e._domainkey.sender.org says that the key is a test (t=y)");
}

#[test]
fn a_long_key_is_published_in_several_strings() {
    let key = TestKey::rsa("r", 2048);
    let set = [("DKIM_SELECTOR", key.selector), ("DKIM_PRIVATE_KEY", &key.private)];
    let lines = lines(&set, &made_up([SPF, DMARC]));
    let (_, published) = lines.split_once("r._domainkey.sender.org. TXT \"").unwrap();
    let value = published.split_once("\"\n").unwrap().0;
    let strings: Vec<&str> = value.split("\" \"").collect();
    assert!(strings.len() == 2 && strings[0].len() == 255, "{lines}");
    assert_eq!(strings.concat(), key.record("sender.org").1);
}

#[test]
fn a_domain_that_takes_no_mail_is_a_problem() {
    let mut dns = made_up([SPF, DMARC]);
    for (exchanges, hosts, told) in [
        (vec![""], vec![], "FAILED   sender.org of FROM_EMAIL and REPLY_TO says that it takes no mail"),
        (
            vec!["mx.sender.org"],
            vec![],
            "FAILED   sender.org of FROM_EMAIL and REPLY_TO has the MX \"mx.sender.org\", which has no address",
        ),
        (vec!["gone.sender.org", "mx.sender.org"], vec!["mx.sender.org"], "sender.org takes mail"),
        (vec![], vec!["sender.org"], "note     sender.org of FROM_EMAIL and REPLY_TO has no MX record"),
        (vec![], vec![], "FAILED   sender.org of FROM_EMAIL and REPLY_TO is not in DNS"),
    ] {
        (dns.exchanges, dns.hosts) = (exchanges, hosts);
        let lines = lines(&[("REPLY_TO", "office@Sender.org")], &dns);
        assert_has(&lines, told);
        assert_eq!(
            lines.matches("FROM_EMAIL and REPLY_TO").count(),
            usize::from(!told.contains("takes mail")),
            "{lines}"
        );
    }
}

#[test]
fn the_page_that_unsubscribes_has_an_address() {
    let secret = "0123456789abcdef0123456789abcdef";
    for (url, told) in [
        (
            "https://events.sender.org/u",
            Some("FAILED   events.sender.org of UNSUBSCRIBE_URL has no address in DNS"),
        ),
        ("https://sender.org/u", None),
        ("https://192.0.2.1/u", None),
        ("http://localhost:8080/u", None),
        ("https://events.example.com/u", None),
    ] {
        let lines =
            lines(&[("UNSUBSCRIBE_URL", url), ("UNSUBSCRIBE_SECRET", secret)], &made_up([SPF, DMARC]));
        assert_eq!(lines.contains("UNSUBSCRIBE_URL"), told.is_some(), "{lines}");
        assert_has(&lines, told.unwrap_or("ok"));
    }
}

#[test]
fn a_domain_of_a_provider_is_told_and_nothing_is_to_be_published_there() {
    let policy = ("_dmarc.gmail.com", "v=DMARC1; p=none; sp=quarantine");
    let told = lines(&[("FROM_EMAIL", "me@Gmail.com")], &made_up([policy]));
    assert_has(
        &told,
        "note     FROM_EMAIL is at gmail.com, which belongs to a mail provider (its DMARC policy is none)",
    );
    assert!(told.lines().count() == 2 && !told.contains("publish"), "{told}");
    let relay = [
        ("FROM_EMAIL", "me@gmail.com"),
        ("EMAIL_DUMMY_MODE", "False"),
        ("SMTP_HOST", "smtp.gmail.com"),
        ("SMTP_USERNAME", "me"),
        ("SMTP_PASSWORD", "x"),
    ];
    let own = lines(&relay, &made_up([policy]));
    assert_has(&own, "gmail.com sends its own mails");
    assert!(!own.contains("note"), "{own}");
}

#[test]
fn addresses_without_a_public_domain_are_not_looked_up() {
    let from = |address| [("FROM_EMAIL", address)];
    for address in ["me@example.com", "me@sender.example", "root@host.internal"] {
        let finding = check(&email(&from(address)), AskDns::System);
        assert!(format!("{finding:?}").contains("Skipped"), "{finding:?}");
    }
    assert!(format!("{:?}", check(&email(&[]), AskDns::Never)).contains("--offline"));
    assert!(check(&email(&from("me@[192.0.2.1]")), AskDns::System).is_failure());
    let mixed = lines(&[("REPLY_TO", "office@office.example")], &made_up([SPF, DMARC]));
    assert_has(&mixed, "note     REPLY_TO is at office.example, a name that is never in the public DNS");
}

#[test]
fn what_dns_does_not_tell_is_one_note_for_each_reason() {
    let mut dns = made_up([SPF, DMARC]);
    dns.broken = vec!["sender.org", "_dmarc.sender.org"];
    let lines = lines(&[], &dns);
    let note = "note     DNS does not tell what it has for \"sender.org\", \"_dmarc.sender.org\": it is broken; what";
    assert_has(&lines, note);
    assert_eq!(lines.lines().count(), 2, "{lines}");
}

#[test]
fn texts_of_others_control_no_terminal_and_no_line() {
    let hostile = "v=DMARC1; p=\u{1b}]0;owned\u{7}\r\nsender         ok       fine\u{202e}".to_owned()
        + &"x".repeat(60_000);
    let lines = lines(&[], &made_up([SPF, ("_dmarc.sender.org", &hostile)]));
    assert!(
        lines.starts_with("sender         FAILED   the DMARC record of _dmarc.sender.org has no policy"),
        "{lines}"
    );
    assert!(
        !lines.contains(['\u{1b}', '\u{7}', '\r', '\u{202e}'])
            && lines.len() < 1000
            && lines.lines().count() == 1,
        "{lines}"
    );
}

#[test]
fn a_name_server_is_an_address_with_or_without_a_port() {
    for (text, expected) in [
        ("9.9.9.9", Some("9.9.9.9:53")),
        ("127.0.0.1:5353", Some("127.0.0.1:5353")),
        ("::1", Some("[::1]:53")),
        ("[::1]:5353", Some("[::1]:5353")),
        ("dns.example.org", None),
        ("127.0.0.1:99999", None),
        ("", None),
    ] {
        assert_eq!(parse_server(text).ok().map(|address| address.to_string()).as_deref(), expected, "{text}");
    }
}
