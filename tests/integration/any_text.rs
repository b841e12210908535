//! Whatever the application's tables and a message say, Python's email package reads each mail without a defect, with the same fields, and
//! dkimpy finds its signatures right.
//!
//! Texts are drawn anew each time. A failure prints the seed: `ANY_TEXT_SEED=… scripts/test any_text` draws the same ones again.

use std::env;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use fanmail::config::content::ContentConfig;
use fanmail::config::database::{Backend, DatabaseConfig};
use fanmail::content::renderer::Templates;
use fanmail::domain::content::{Content, MediaType};
use fanmail::domain::event_key_type::EventKeyType;
use fanmail::domain::ids::{EventId, ParticipantId};
use fanmail::domain::kind::Kind;
use fanmail::domain::message::Message;
use fanmail::domain::message::details::MessageDetails;
use fanmail::domain::notification_facts::NotificationFacts;
use fanmail::store::Store;
use fanmail::text::clean::{cut, one_line};
use fastrand::Rng;
use serde_json::{Map, Value, json};
use testkit::dkim::{TestKey, verify};
use testkit::folder::texts_below;
use testkit::scenario::{DOMAIN, Scenario};
use testkit::wait::wait_until;

/// Events, each with one message of a random kind.
const EVENTS: u32 = 60;
/// Participants of each.
const PEOPLE: i64 = 3;
/// How many characters of a name a header has.
const NAME_MAX: usize = 75;

/// What mail formats, HTML, templates and mail programs treat in a special way.
const FRAGMENTS: [&str; 62] = [
    "\r\n",
    "\n",
    "\r",
    "\r\n\r\n",
    "\r\n ",
    "\r\n.\r\n",
    ".",
    "..",
    "\0",
    "\u{7}",
    "\u{1b}[2J",
    "\u{7f}",
    "\u{85}",
    "\u{2028}",
    "\t",
    " ",
    "  ",
    "\u{a0}",
    "\u{200b}",
    "\u{feff}",
    "\u{202e}",
    "\u{2066}",
    "\u{ad}",
    "\u{301}",
    "=?",
    "?=",
    "=?utf-8?q?x?=",
    "=?utf-8?b?eA==?=",
    "=?utf-8?q?=0d=0aBcc:_x@example.org?=",
    "=",
    "=3D",
    "=\r\n",
    "--=_n1.p1",
    "--",
    "Bcc: everyone@example.org",
    "\r\nBcc: x@example.org",
    "Content-Type: text/html",
    "\"",
    "\\",
    "\\\"",
    "'",
    "<",
    ">",
    "&",
    "&amp;",
    "</td></table>",
    "<script>alert(1)</script>",
    "{{ 7 * 7 }}",
    "{% raw %}",
    ",",
    ";",
    ":",
    "@",
    "(a)",
    "https://evil.example/",
    "ä",
    "é",
    "漢字",
    "שלום",
    "مرحبا",
    "👩‍👩‍👧",
    "🎉",
];

/// A text of such fragments, of any characters, and now and then a long one.
fn text(random: &mut Rng) -> String {
    let mut text = String::new();
    let length = if random.u8(..) < 12 { random.usize(500..1500) } else { random.usize(0..12) };
    for _ in 0..length {
        match random.u8(..4) {
            0 => text.push(random.char(..)),
            1 => text.push(random.char('!'..='~')),
            2 => text.push_str(["word", "Donaudampfschiff", "a"][random.usize(..3)]),
            _ => text.push_str(random.choice(FRAGMENTS).unwrap_or_default()),
        }
    }
    text
}

/// A text as SQLite reads it, whatever is in it.
fn sql(text: &str) -> String {
    let hex: Vec<String> = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("CAST(x'{}' AS TEXT)", hex.concat())
}

#[test]
fn python_reads_any_text_as_it_was_given() {
    let seed = env::var("ANY_TEXT_SEED").ok().map_or_else(|| fastrand::u64(..), |seed| seed.parse().unwrap());
    println!("ANY_TEXT_SEED={seed}");
    let mut random = Rng::with_seed(seed);
    let keys = [TestKey::rsa("rsa1", 2048), TestKey::ed25519("ed1")];
    let mut scenario = Scenario::with_relay("any-text", 0)
        .env("DKIM_SELECTOR", keys[0].selector)
        .env("DKIM_PRIVATE_KEY", &keys[0].private)
        .env("DKIM_SELECTOR_2", keys[1].selector)
        .env("DKIM_PRIVATE_KEY_2", &keys[1].private)
        .env("EMAIL_DUMMY_MODE", "True")
        .env("EMAIL_OUTBOX_DIR", "mails")
        .build();
    scenario.environment.retain(|name, _| !name.starts_with("LAVINMQ"));
    let messages: Vec<Message> =
        (1..=EVENTS.into()).map(|event| write_event(&scenario, event, &mut random)).collect();
    let worker = scenario.start(&["worker", "--outbox-only"]);
    wait_until("all notifications to be completed", || scenario.ledger.completed() == EVENTS as usize);
    scenario.check_redacted(&worker.stop().err);
    let wrong = read_by_python(&scenario.path("mails"), &expected(&scenario, &messages));
    assert!(wrong.is_empty(), "ANY_TEXT_SEED={seed}: {} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    let mails = texts_below(&scenario.path("mails"), "eml");
    assert_eq!(mails.len(), EVENTS as usize * 3);
    let records = keys.map(|key| key.record(DOMAIN));
    for (mail, found) in mails.iter().zip(verify(&records, &mails)) {
        assert_eq!(found, ["", ""], "ANY_TEXT_SEED={seed}: {mail}");
    }
}

/// Writes an event, its participants, and a message about it, which is in the outbox.
fn write_event(scenario: &Scenario, event: i64, random: &mut Rng) -> Message {
    let kind = random.choice(Kind::OF_EVENTS).unwrap();
    let [note, reason] = [(); 2].map(|()| random.bool().then(|| text(random)));
    let people: Vec<String> = (1..=PEOPLE)
        .map(|person| {
            format!(
                "INSERT INTO participants (event_id, email, name, locale) VALUES ({event}, 'p{person}@example.com', {}, {});",
                sql(&text(random)),
                sql(&text(random))
            )
        })
        .collect();
    let body = json!({"type": kind.as_str(), "event_id": event, "note": note, "reason": reason}).to_string();
    let start = [-2_000_000_000, 1_800_000_000][random.usize(..2)] + random.i64(-1_000_000..1_000_000);
    scenario.ledger.execute(&format!(
        "INSERT INTO events (id, title, description, location, timezone, url, starts_at, ends_at)
            VALUES ({event}, {}, {}, {}, {}, {}, datetime({start}, 'unixepoch'), datetime({}, 'unixepoch'));
         {}
         INSERT INTO outbox (message_id, body) VALUES ('m-{event}', {})",
        sql(&text(random)),
        sql(&text(random)),
        sql(&text(random)),
        sql(&text(random)),
        sql(&text(random)),
        start + random.i64(-100_000..300_000),
        people.concat(),
        sql(&body)
    ));
    Message::decode(body.as_bytes(), EventKeyType::Number).unwrap().message
}

/// What each file must have.
fn expected(scenario: &Scenario, messages: &[Message]) -> Value {
    let config = DatabaseConfig {
        backend: Backend::Sqlite(scenario.path("fanmail.db")),
        echo: false,
        default_file: None,
    };
    let store = Store::connect(&config, 1).unwrap();
    let tag = store.find_installation().unwrap().tag;
    let templates = Templates::load(&ContentConfig::default()).unwrap();
    let mut files = Map::new();
    for row in scenario.ledger.notifications() {
        let message =
            messages.iter().find(|message| message.event_id == Some(EventId::Number(row.event_id))).unwrap();
        let (event_id, details) = (EventId::Number(row.event_id), message.details.as_ref());
        let event = store.find_event(event_id).unwrap();
        let details = MessageDetails::read(details).unwrap();
        let facts = NotificationFacts::new(message.kind, event, details);
        let context = templates.notification_context(&facts).unwrap();
        for person in store.read_page(event_id, None, ParticipantId::MAX, 100).unwrap() {
            let Content { subject, parts, .. } = templates.render(&context, &person).unwrap();
            let part =
                |media_type| parts.iter().find(|part| part.media_type == media_type).unwrap().text.clone();
            let id = format!("n{}.p{}.{tag}", row.id, person.id);
            let thread = format!("<event-{event_id}.p{}.{tag}@{DOMAIN}>", person.id);
            let expected = json!({
                "to": [cut(one_line(&person.name), NAME_MAX), person.email],
                "from": ["Test Events", format!("events@{DOMAIN}")],
                "subject": subject,
                "plain": part(MediaType::Plain),
                "html": part(MediaType::Html),
                "headers": {
                    "Message-ID": format!("<{id}@{DOMAIN}>"),
                    "In-Reply-To": thread,
                    "References": thread,
                    "List-Id": format!("<event-{event_id}.{tag}.{DOMAIN}>"),
                },
            });
            files.insert(format!("{id}.eml"), expected);
        }
    }
    Value::Object(files)
}

/// What is wrong, according to Python.
fn read_by_python(folder: &Path, expected: &Value) -> Vec<String> {
    let script = Path::new("tests/integration/any_text/read_mails.py");
    let mut python = Command::new("python3")
        .args(["-X", "utf8"])
        .args([script, folder])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(expected.to_string().as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}
