//! What `fanmail check` says of the sender's domains, with a DNS server of the test. No broker and no relay is needed.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use testkit::dkim::TestKey;
use testkit::dns::{DnsServer, Record};
use testkit::process::{Environment, Exit, Process};

/// The code of SERVFAIL, and that of REFUSED (RFC 1035 section 4.1.1).
const SERVFAIL: u8 = 2;
const REFUSED: u8 = 5;

/// How long all lookups may take (`src/dns.rs`), and what a busy machine needs besides.
const BOUND: Duration = Duration::from_secs(40);

/// A folder with a database, and variables.
struct Sender {
    dir: TempDir,
    environment: Environment,
}

impl Sender {
    fn new(set: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let environment: Environment = [("FROM_EMAIL", "events@sender.test"), ("DATABASE_URL", "test.db")]
            .iter()
            .chain(set)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let sender = Self { dir, environment };
        let migrated = sender.run(&["migrate"]);
        assert_eq!(migrated.code, Some(0), "{migrated:?}");
        sender
    }

    fn run(&self, arguments: &[&str]) -> Exit {
        Process::start(self.dir.path(), &self.environment, arguments).wait()
    }

    /// The exit code, and the lines of the check `sender`.
    fn check(&self, dns: &DnsServer) -> (i32, String) {
        self.check_with(&["--name-server", &dns.address.to_string()])
    }

    fn check_with(&self, arguments: &[&str]) -> (i32, String) {
        let ended = self.run(&[&["check", "--outbox-only"], arguments].concat());
        let (_, behind) = ended.out.split_once("\nsender ").unwrap();
        let (lines, _) = behind.split_once("\nbounces ").unwrap();
        (ended.code.unwrap(), format!("sender {lines}\n"))
    }
}

/// Records of a domain that is set up well, and these.
fn good(others: impl IntoIterator<Item = (&'static str, Record)>) -> Vec<(String, Record)> {
    let spf = Record::text("v=spf1 include:_spf.relay.test mx -all");
    let dmarc = Record::text("v=DMARC1; p=reject; rua=mailto:dmarc@sender.test");
    let mut records = vec![
        ("sender.test".to_owned(), Record::Exchange("mx.sender.test".to_owned())),
        ("mx.sender.test".to_owned(), Record::Address(Ipv4Addr::new(192, 0, 2, 1))),
        ("_spf.relay.test".to_owned(), Record::text("v=spf1 ip4:192.0.2.0/24 ~all")),
    ];
    let others: Vec<(&str, Record)> = others.into_iter().collect();
    // What a test gives to these names stands in the place of what is good.
    for (name, record) in [("sender.test", spf), ("_dmarc.sender.test", dmarc)] {
        if !others.iter().any(|(other, _)| *other == name) {
            records.push((name.to_owned(), record));
        }
    }
    records.extend(others.into_iter().map(|(name, record)| (name.to_owned(), record)));
    records
}

#[track_caller]
fn assert_told(found: &(i32, String), code: i32, told: &str) {
    assert!(
        found.0 == code && found.1.contains(told),
        "{told} is missing, or the exit code is not {code}: {found:?}"
    );
}

#[test]
fn a_sender_with_all_records_is_fine() {
    let keys = [TestKey::rsa("rsa1", 2048), TestKey::ed25519("ed1")];
    let sender = Sender::new(&[
        ("REPLY_TO", "office@sender.test"),
        ("BOUNCE_ADDRESS", "bounces@sender.test"),
        ("DKIM_SELECTOR", keys[0].selector),
        ("DKIM_PRIVATE_KEY", &keys[0].private),
        ("DKIM_SELECTOR_2", keys[1].selector),
        ("DKIM_PRIVATE_KEY_2", &keys[1].private),
        ("UNSUBSCRIBE_URL", "https://mx.sender.test/u"),
        ("UNSUBSCRIBE_SECRET", "0123456789abcdef0123456789abcdef"),
    ]);
    let published = keys.iter().map(|key| key.record("sender.test"));
    let dns = DnsServer::start(
        good([]).into_iter().chain(published.map(|(name, text)| (name, Record::text(text)))),
    );
    let expected = "sender         ok       sender.test takes mail; SPF of sender.test takes 2 of 10 lookups; DKIM key rsa1 is published; \
                    DKIM key ed1 is published; DMARC policy is reject\n";
    assert_eq!(sender.check(&dns), (0, expected.to_owned()));
    // Without the server, such a name is not looked up: nothing reaches the Internet.
    let asked = dns.asked().len();
    for (arguments, told) in
        [(&["--offline"][..], "skipped  --offline"), (&[], "skipped  FROM_EMAIL is at sender.test")]
    {
        assert_told(&sender.check_with(arguments), 0, told);
    }
    assert_eq!(dns.asked().len(), asked);
    let both = sender.run(&["check", "--offline", "--name-server", "127.0.0.1"]);
    assert_eq!(both.code, Some(2), "{both:?}");
}

#[test]
fn each_fault_of_a_domain_is_told_with_its_cure() {
    let sender = Sender::new(&[]);
    let address = || Record::Address(Ipv4Addr::new(192, 0, 2, 7));
    let many = format!("v=spf1 {} -all", ["a:mx.sender.test"; 11].join(" "));
    for (records, code, told) in [
        (vec![("sender.test", Record::text("hello"))], 0, "sender.test. TXT \"v=spf1 SERVERS -all\""),
        (
            vec![
                ("sender.test", Record::text("v=spf1 -all")),
                ("sender.test", Record::text("v=spf1 mx ~all")),
            ],
            1,
            "has 2 SPF records",
        ),
        (vec![("sender.test", Record::text(many))], 1, "takes 11 lookups, and receivers give up after 10"),
        (vec![("sender.test", Record::text("v=spf1 include:sender.test -all"))], 1, "which leads back to it"),
        (vec![("sender.test", Record::text("v=spf1 +all"))], 1, "lets every server of the Internet send"),
        (
            vec![("sender.test", Record::text("v=spf1 ipv4:192.0.2.1 -all"))],
            1,
            "is wrong at \"ipv4:192.0.2.1\"",
        ),
        (
            vec![("sender.test", Record::text("v=spf1 include:gone.test -all"))],
            1,
            "includes \"gone.test\", which has none",
        ),
        (vec![("sender.test", Record::Exchange(String::new()))], 1, "says that it takes no mail (MX \".\""),
        (
            vec![("_dmarc.sender.test", Record::Nothing)],
            0,
            "_dmarc.sender.test. TXT \"v=DMARC1; p=none; rua=mailto:dmarc@sender.test\"",
        ),
        (vec![("_dmarc.sender.test", Record::text("v=DMARC1; p=maybe"))], 1, "has no policy that is known"),
        (
            vec![("_spf.relay.test", Record::Code(SERVFAIL))],
            0,
            "note     DNS does not tell what it has for \"_spf.relay.test\": the server says \"Server Failure\"",
        ),
        (vec![("_dmarc.sender.test", Record::Code(REFUSED))], 0, "the server says \"Query Refused\""),
        (
            vec![("_dmarc.sender.test", Record::Garbage)],
            0,
            "note     DNS does not tell what it has for \"_dmarc.sender.test\"",
        ),
        (vec![("other.test", address())], 0, "sender         ok"),
    ] {
        let dns = DnsServer::start(replaced(records));
        assert_told(&sender.check(&dns), code, told);
    }
    let nothing = DnsServer::start([]);
    assert_told(&sender.check(&nothing), 1, "FAILED   sender.test of FROM_EMAIL is not in DNS");
}

/// `good`, in which a name with a fault of DNS has nothing else.
fn replaced(records: Vec<(&'static str, Record)>) -> Vec<(String, Record)> {
    let names: Vec<&str> = records
        .iter()
        .filter(|(_, record)| matches!(record, Record::Code(_)))
        .map(|(name, _)| *name)
        .collect();
    let is_fault = |record: &Record| matches!(record, Record::Code(_));
    good(records)
        .into_iter()
        .filter(|(name, record)| is_fault(record) || !names.contains(&name.as_str()))
        .collect()
}

#[test]
fn a_missing_or_wrong_key_is_told_with_the_right_one() {
    let key = TestKey::rsa("rsa1", 2048);
    let sender = Sender::new(&[("DKIM_SELECTOR", key.selector), ("DKIM_PRIVATE_KEY", &key.private)]);
    let (name, text) = key.record("sender.test");
    let other = TestKey::rsa("rsa1", 2048).record("sender.test").1;
    for (record, code, told) in [
        (None, 0, "note     rsa1._domainkey.sender.test is not in DNS"),
        (Some(other), 1, "FAILED   rsa1._domainkey.sender.test has another key"),
        (
            Some("v=DKIM1; k=rsa; p=".to_owned()),
            1,
            "FAILED   rsa1._domainkey.sender.test says that the key is revoked",
        ),
    ] {
        let published = record.map(|record| (name.clone(), Record::text(record)));
        let found = sender.check(&DnsServer::start(good([]).into_iter().chain(published)));
        assert_told(&found, code, told);
        let (_, printed) = found.1.split_once(&format!("\n    {name}. TXT \"")).unwrap();
        let strings: Vec<&str> = printed.split_once("\"\n").unwrap().0.split("\" \"").collect();
        assert!(strings.iter().all(|string| string.len() <= 255), "{printed}");
        assert_eq!(strings.concat(), text);
    }
}

#[test]
fn a_sender_at_a_provider_and_domains_that_do_not_align_are_told() {
    let gmail =
        DnsServer::start([("_dmarc.gmail.com".to_owned(), Record::text("v=DMARC1; p=none; sp=quarantine"))]);
    let found = Sender::new(&[("FROM_EMAIL", "me@gmail.com")]).check(&gmail);
    assert_told(
        &found,
        0,
        "note     FROM_EMAIL is at gmail.com, which belongs to a mail provider (its DMARC policy is none)",
    );

    let key = TestKey::ed25519("ed1");
    let misaligned = Sender::new(&[
        ("BOUNCE_ADDRESS", "bounces@relay.test"),
        ("DKIM_DOMAIN", "relay.test"),
        ("DKIM_SELECTOR", key.selector),
        ("DKIM_PRIVATE_KEY", &key.private),
    ]);
    let (name, text) = key.record("relay.test");
    let relay = [
        ("relay.test".to_owned(), Record::Exchange("mx.sender.test".to_owned())),
        ("relay.test".to_owned(), Record::text("v=spf1 mx -all")),
        (name, Record::text(text)),
    ];
    let found = misaligned.check(&DnsServer::start(good([]).into_iter().chain(relay)));
    assert_told(&found, 1, "BOUNCE_ADDRESS is at relay.test, so SPF does not count for DMARC");
    assert_told(&found, 1, "DKIM_DOMAIN is relay.test, so the signatures of fanmail do not count");
}

#[test]
fn texts_of_dns_are_cut_and_control_no_terminal() {
    let sender = Sender::new(&[]);
    let long = "v=spf1 ".to_owned() + &"include:_spf.relay.test ".repeat(2000) + "-all";
    let binary = [
        b"v=DMARC1; p=\x1b]0;owned\x07\r\nsender         ok \xff\xe2\x80\xae".as_slice(),
        &vec![b'x'; 20_000],
    ]
    .concat();
    let mut records =
        good([("sender.test", Record::text(long)), ("_dmarc.sender.test", Record::Text(binary))]);
    records.extend((0..300).map(|n| ("sender.test".to_owned(), Record::text(format!("verification-{n}")))));
    let dns = DnsServer::start(records);
    let (code, lines) = sender.check(&dns);
    assert!(code == 1 && lines.len() < 2000 && lines.lines().count() == 2, "{lines}");
    assert!(
        lines.contains("takes more than 30 lookups") && lines.contains("has no policy that is known"),
        "{lines}"
    );
    assert!(!lines.contains(['\u{1b}', '\u{7}', '\r', '\u{202e}']), "{lines}");
    assert!(dns.over_tcp() >= 2, "{} questions over TCP", dns.over_tcp());
    let asked = dns.asked().iter().filter(|name| *name == "_spf.relay.test").count();
    assert!(asked <= 30, "{asked}");
}

#[test]
fn a_server_that_does_not_answer_holds_nothing_up() {
    let sender = Sender::new(&[]);
    let silent = |name: &str| (name.to_owned(), Record::Silence);
    let dead = DnsServer::start([silent("sender.test")]);
    let started = Instant::now();
    let found = sender.check(&dead);
    assert_told(&found, 0, "sender         skipped  no DNS server answers (no reply within ");
    assert!(found.1.contains("--offline") && found.1.lines().count() == 1, "{}", found.1);
    // A server that is silent about some names: the others are looked up.
    let half = DnsServer::start(good([]).into_iter().map(|(name, record)| match name.as_str() {
        "_spf.relay.test" | "_dmarc.sender.test" => silent(&name),
        _ => (name, record),
    }));
    let found = sender.check(&half);
    assert_told(&found, 0, "note     DNS does not tell what it has for \"_spf.relay.test\"");
    // A port at which nothing listens.
    let address = half.address.to_string();
    drop(half);
    assert_told(&sender.check_with(&["--name-server", &address]), 0, "skipped  no DNS server answers");
    assert!(started.elapsed() < BOUND, "{:?}", started.elapsed());
}
