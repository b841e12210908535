//! Rows of an attacker with access to the application's tables: whatever a name or a title contains, each mail has one
//! recipient and the promised headers, and shows the text without obeying it.

use mail_parser::MessageParser;

use testkit::scenario::{EVENT, Scenario};

/// Each name tries to be something else.
const NAMES: [&str; 9] = [
    "Bob\r\nBcc: everyone@example.org",
    "Bob\nContent-Type: text/html\n\n<h1>Pwned</h1>",
    "Bob\r\n.\r\nMAIL FROM:<evil@example.org>\r\n",
    "{{ 7 * 7 }} {% include \"base.html\" %} {{ __tera_context }}",
    "<script>alert(1)</script><a href='javascript:alert(1)'>",
    "gro.elpmaxe@bob\u{202e}\u{2066}\u{feff}",
    "\"<everyone@example.org>, \"Bob",
    "=?utf-8?q?=0d=0aBcc:_everyone@example.org?=",
    "Win now: https://evil.example/click",
];

#[test]
fn hostile_names_are_shown_as_text() {
    let scenario = Scenario::with_relay("hostile-rows", NAMES.len()).build();
    let people = scenario.people();
    scenario.ledger.execute("UPDATE participants SET locale = 'en-GB'");
    for (person, name) in people.iter().zip(NAMES) {
        let name =
            name.replace('\'', "''").replace('\r', "' || char(13) || '").replace('\n', "' || char(10) || '");
        scenario.ledger.execute(&format!("UPDATE participants SET name = '{name}' WHERE id = {}", person.id));
    }
    let title = "{{ 7 * 7 }}'' || char(13, 10) || ''Bcc: everyone@example.org".replace("''", "'");
    scenario.ledger.execute(&format!("UPDATE events SET title = '{title}' WHERE id = {EVENT}"));
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    scenario.stop_and_check(worker);

    let log = scenario.smtp.log();
    assert_eq!((log.received.len(), log.commands["MAIL"]), (NAMES.len(), NAMES.len()));
    for (person, wanted) in people.iter().zip(NAMES) {
        let received = log.received.iter().find(|mail| mail.recipient == person.email).unwrap();
        let mail = MessageParser::default().parse(&received.raw[..]).unwrap();
        let mut headers: Vec<String> =
            mail.headers().iter().map(|header| header.name().to_lowercase()).collect();
        headers.sort();
        let promised = [
            "auto-submitted",
            "content-language",
            "content-type",
            "date",
            "feedback-id",
            "from",
            "in-reply-to",
            "list-id",
            "message-id",
            "mime-version",
            "references",
            "subject",
            "to",
            "x-auto-response-suppress",
        ];
        assert_eq!(headers, promised, "{wanted:?}");
        let to: Vec<&str> = mail.to().unwrap().iter().filter_map(|address| address.address()).collect();
        assert_eq!(to, [person.email.as_str()], "{wanted:?}");
        let subject = mail.subject().unwrap();
        assert!(subject.contains("{{ 7 * 7 }} Bcc: everyone@example.org"), "{subject}");
        let (text, html) = (mail.body_text(0).unwrap(), mail.body_html(0).unwrap());
        for part in [&text, &html] {
            assert!(part.contains("{{ 7 * 7 }}"), "{part}");
            assert!(!part.contains(['\u{202e}', '\u{2066}', '\u{feff}']), "{part}");
        }
        let could_become_link = ["@", "://", "base.html"].iter().any(|sign| wanted.contains(sign));
        for part in [&text, &html] {
            assert_eq!(part.contains("Hello,"), could_become_link, "{wanted:?}: {part}");
            assert!(!part.contains("evil"), "{part}");
        }
        // The structured data of fanmail's own.
        let html = html.replacen("<script type=\"application/ld+json\">", "", 1);
        for tag in ["<script", "<h1>Pwned", "<a href='java"] {
            assert!(!html.contains(tag), "{html}");
        }
    }
}
