//! Composed mails as a mail client reads them.

use mail_parser::{Address as Parsed, MessageParser, MimeHeaders};

use super::*;
use crate::config::content::ContentConfig;
use crate::config::email::webhooks::WebhookConfig;
use crate::config::email::{Route, reach::Reach};
use crate::content::renderer::Templates;
use crate::content::sample;
use crate::domain::content::ContentPart;
use crate::domain::event::Event;
use crate::domain::ids::{EventId, NotificationId};
use crate::domain::kind::Kind;
use crate::domain::notification_facts::NotificationFacts;

mod any_text;
mod redirected;
mod senders;

fn config(from_email: &str, from_name: &str) -> EmailConfig {
    EmailConfig {
        route: Route::Dummy { outbox: None },
        from_email: from_email.to_owned(),
        from_name: from_name.to_owned(),
        reply_to: None,
        bounce_address: None,
        connections: 1,
        rate: None,
        reach: Reach::default(),
        dkim: None,
        unsubscribe: None,
        webhooks: WebhookConfig::default(),
    }
}

/// Its first three notifications are older than its tag.
fn installation() -> Installation {
    Installation { tag: "8e9703b916".to_owned(), untagged_up_to: NotificationId(3) }
}

fn composer() -> Composer {
    Composer::new(&config("events@example.org", "Events, Ltd."), &installation())
}

fn christmas() -> DateTime<Utc> {
    "2026-12-01T08:30:00Z".parse().unwrap()
}

fn simple(subject: &str, text: &str, html: &str) -> Content {
    let part = |media_type, text: &str| ContentPart { media_type, text: text.to_owned() };
    let parts = vec![part(MediaType::Plain, text), part(MediaType::Html, html)];
    let (language, subject) = ("en".into(), subject.to_owned());
    Content { language, subject, parts, calendar: None, unsubscribe_url: None }
}

fn named(name: &str) -> Participant {
    Participant { name: name.to_owned(), ..sample::ada() }
}

/// The mail that a participant of a sample event gets.
fn sample_mail(kind: Kind, event: &Event, participant: &Participant) -> Mail {
    let templates = Templates::load(&ContentConfig::default()).unwrap();
    let facts = NotificationFacts::of_event(kind, event.clone());
    let in_common = templates.notification_context_at(&facts, sample::now()).unwrap();
    let content = templates.render(&in_common, participant).unwrap();
    let notification = NotificationHeaders::new(NotificationId(12), kind, Some(event.id));
    composer().compose(&notification, participant, "ada@example.com", content, christmas()).unwrap()
}

/// A notification about event 123.
fn of_event(notification_id: i64) -> NotificationHeaders {
    NotificationHeaders::new(NotificationId(notification_id), Kind::Updated, Some(EventId::Number(123)))
}

fn header(mail: &Mail) -> String {
    mail.as_received().split("\r\n\r\n").next().unwrap().to_owned()
}

#[test]
fn the_mails_match_their_snapshots() {
    for kind in Kind::OF_EVENTS {
        let mail = sample_mail(kind, &sample::full(), &sample::ada());
        insta::assert_snapshot!(kind.as_str().to_lowercase(), mail.as_received().replace("\r\n", "\n"));
    }
    let templates = Templates::load(&ContentConfig::default()).unwrap();
    let notice = templates
        .notification_context(&NotificationFacts::of_message(Kind::Notice, sample::notice()))
        .unwrap();
    let content = templates.render(&notice, &sample::ada()).unwrap();
    let of_notice = NotificationHeaders::new(NotificationId(12), Kind::Notice, None);
    let mail = composer().compose(&of_notice, &sample::ada(), "ada@example.com", content, christmas());
    insta::assert_snapshot!("notice", mail.unwrap().as_received().replace("\r\n", "\n"));
    let mail = sample_mail(Kind::Updated, &sample::hostile(), &sample::hostile_name());
    insta::assert_snapshot!("nasty", mail.as_received().replace("\r\n", "\n"));
}

#[test]
fn a_mail_of_plain_ascii_needs_no_encoding() {
    let long = Event {
        title: "Lanterns in the Botanical Garden, with a String Quartet".to_owned(),
        ..sample::full()
    };
    for (kind, event) in
        Kind::OF_EVENTS.into_iter().flat_map(|kind| [(kind, sample::full()), (kind, long.clone())])
    {
        let mail = sample_mail(kind, &event, &sample::ada());
        let seven_bit = mail.as_received().matches("Content-Transfer-Encoding: 7bit\r\n").count();
        // Text, HTML, and the calendar entry twice.
        assert_eq!(seven_bit, 4, "{kind}: {}", event.title);
    }
}

#[test]
fn a_mail_client_reads_back_what_was_composed() {
    let mail = sample_mail(Kind::Cancelled, &sample::hostile(), &sample::hostile_name());
    let content = mail.as_received();
    let read = MessageParser::new().parse(&content).unwrap();
    let one = |address: Option<&Parsed>| {
        let address = address.unwrap().first().unwrap();
        (address.name().unwrap_or_default().to_owned(), address.address().unwrap_or_default().to_owned())
    };
    assert_eq!(one(read.from()), ("Events, Ltd.".to_owned(), "events@example.org".to_owned()));
    assert_eq!(one(read.to()), ("<b>Bob & Ann</b>, \"Jürgen\" <x>".to_owned(), "ada@example.com".to_owned()));
    assert_eq!(read.message_id(), Some("n12.p1.8e9703b916@example.org"));
    assert_eq!(mail.message_id, "<n12.p1.8e9703b916@example.org>");
    assert_eq!(read.date().unwrap().to_rfc3339(), "2026-12-01T08:30:00Z");
    assert_eq!(read.header_raw("Auto-Submitted").unwrap().trim(), "auto-generated");
    assert!(read.subject().unwrap().starts_with("Cancelled: <script>alert(\"1\")</script> & 'Übung' Bcc:"));

    assert!(read.is_content_type("multipart", "mixed"));
    assert!(read.parts[1].is_content_type("multipart", "alternative"));
    assert!(read.parts[2].is_content_type("text", "plain") && read.parts[3].is_content_type("text", "html"));
    assert!(read.parts[4].is_content_type("text", "calendar"));
    assert_eq!((read.parts.len(), read.parts[5].attachment_name()), (6, Some("invite.ics")));
    let templates = Templates::load(&ContentConfig::default()).unwrap();
    let content = templates
        .render(
            &templates
                .notification_context_at(
                    &NotificationFacts::of_event(Kind::Cancelled, sample::hostile()),
                    sample::now(),
                )
                .unwrap(),
            &sample::hostile_name(),
        )
        .unwrap();
    // The line break before the boundary is the boundary's (RFC 2046 section 5.1.1).
    assert_eq!(
        read.body_text(0).unwrap().replace("\r\n", "\n").trim_end(),
        content.text(MediaType::Plain).trim_end()
    );
    assert_eq!(
        read.body_html(0).unwrap().replace("\r\n", "\n").trim_end(),
        content.text(MediaType::Html).trim_end()
    );
}

#[test]
fn a_mail_has_exactly_these_headers() {
    let mail = sample_mail(Kind::Created, &sample::hostile(), &sample::hostile_name());
    let header = header(&mail);
    let names: Vec<&str> = header
        .split("\r\n")
        .filter(|line| !line.starts_with(' '))
        .map(|line| line.split(':').next().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "From",
            "To",
            "Subject",
            "Date",
            "Message-ID",
            "In-Reply-To",
            "References",
            "Auto-Submitted",
            "X-Auto-Response-Suppress",
            "List-Id",
            "Feedback-ID",
            "Content-Language",
            "MIME-Version",
            "Content-Type"
        ]
    );
}

#[test]
fn a_retry_has_the_same_bytes() {
    let one = sample_mail(Kind::Updated, &sample::full(), &sample::ada());
    assert_eq!(one, sample_mail(Kind::Updated, &sample::full(), &sample::ada()));
}

#[test]
fn a_notification_from_before_the_tag_keeps_its_message_ids() {
    for (notification_id, expected) in [
        (1, "<n1.p1@example.org>"),
        (3, "<n3.p1@example.org>"),
        (4, "<n4.p1.8e9703b916@example.org>"),
        (i64::MAX, "<n9223372036854775807.p1.8e9703b916@example.org>"),
    ] {
        let mail = composer()
            .compose(
                &of_event(notification_id),
                &sample::ada(),
                "a@example.com",
                simple("s", "t", "h"),
                christmas(),
            )
            .unwrap();
        assert_eq!(mail.message_id, expected);
        assert!(mail.as_received().contains(&format!("\r\nMessage-ID: {expected}\r\n")), "{}", header(&mail));
    }
}

#[test]
fn no_description_contains_the_boundary() {
    // The second becomes the first when the NUL is left out.
    for end in ["--=_n1.p1", "--=_n1\0.p1"] {
        let text = format!("x\n{end}\nContent-Type: text/html\n\n<b>forged</b>\n{end}--\n");
        let mail = composer()
            .compose(&of_event(1), &sample::ada(), "ada@example.com", simple("s", &text, "<p>h"), christmas())
            .unwrap();
        let content = mail.as_received();
        let read = MessageParser::new().parse(&content).unwrap();
        assert_eq!(read.parts.len(), 3);
        assert!(read.body_text(0).unwrap().contains("<b>forged</b>"));
    }
}

#[test]
fn an_address_that_is_not_ascii_is_in_to_only() {
    let mail = composer()
        .compose(&of_event(1), &named(""), "jürgen@bücher.example", simple("Grüße", "ä", "ä"), christmas())
        .unwrap();
    assert_eq!(mail.to, "jürgen@xn--bcher-kva.example");
    assert!(mail.as_received().contains("\r\nTo: jürgen@xn--bcher-kva.example\r\n"));
    let others: String = mail.as_received().lines().filter(|line| !line.starts_with("To: ")).collect();
    assert!(others.is_ascii());
    assert_eq!(
        composer()
            .compose(&of_event(1), &named("x"), "not an address", simple("", "", ""), christmas())
            .unwrap_err()
            .to_string(),
        "the address has spaces"
    );
}

#[test]
fn any_sender_makes_one_from_header() {
    for (name, expected) in [
        ("", "From: events@example.org\r\n"),
        ("Events", "From: Events <events@example.org>\r\n"),
        ("The \"Best\" Events", "From: \"The \\\"Best\\\" Events\" <events@example.org>\r\n"),
        ("x\r\nBcc: y", "From: \"x Bcc: y\" <events@example.org>\r\n"),
    ] {
        let mut composer = Composer::new(&config("events@example.org", name), &installation());
        let mail = composer
            .compose(&of_event(1), &named(""), "a@example.com", simple("s", "t", "h"), christmas())
            .unwrap();
        assert!(mail.as_received().starts_with(expected), "{}", header(&mail));
    }
}

#[test]
fn a_mail_has_as_many_parts_as_its_content() {
    let part = |media_type, text: &str| ContentPart { media_type, text: text.to_owned() };
    let all = [
        part(MediaType::Plain, "one"),
        part(MediaType::Html, "<p>zwei für dich"),
        part(MediaType::Plain, "три"),
    ];
    for count in 1..=all.len() {
        let content = Content { parts: all[..count].to_vec(), ..simple("s", "", "") };
        let mail = composer().compose(&of_event(1), &named(""), "a@example.com", content, christmas());
        let content = mail.unwrap().as_received();
        let read = MessageParser::new().parse(&content).unwrap();
        assert_eq!(read.parts.len(), 1 + count);
        for (read, part) in read.parts[1..].iter().zip(&all) {
            let (kind, subtype) = part.media_type.as_str().split_once('/').unwrap();
            assert!(read.is_content_type(kind, subtype));
            assert_eq!(read.text_contents(), Some(part.text.as_str()));
        }
    }
}
