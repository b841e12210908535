//! The entry in its mail: what calendars are known to stumble over, and its encodings.

use mail_parser::{MessageParser, MimeHeaders as _};

use super::*;
use crate::channels::email::compose::Composer;
use crate::channels::email::compose::notification_headers::NotificationHeaders;
use crate::channels::email::mail::Mail;
use crate::config::email::reach::Reach;
use crate::config::email::webhooks::WebhookConfig;
use crate::config::email::{EmailConfig, Route};
use crate::content::calendar::content_lines::tests::unfolded;
use crate::content::sample;
use crate::domain::calendar_entry::CalendarMethod;
use crate::domain::content::{Content, ContentPart, MediaType};
use crate::domain::installation::Installation;
use crate::domain::kind::Kind;
use crate::domain::participant::Participant;

const BERLIN: &str = "BEGIN:VCALENDAR\nMETHOD:REQUEST\nBEGIN:VEVENT\nSTATUS:CONFIRMED\nSUMMARY:Concert\n";

fn entry(method: CalendarMethod, lines: &str) -> Arc<CalendarEntry> {
    Arc::new(CalendarEntry { method, event_id: EventId::Number(123), lines: lines.to_owned() })
}

fn composer(tag: &str) -> Composer {
    let config = EmailConfig {
        route: Route::Dummy { outbox: None },
        from_email: "events@example.org".to_owned(),
        from_name: "Events".to_owned(),
        reply_to: None,
        bounce_address: None,
        reach: Reach::default(),
        dkim: None,
        unsubscribe: None,
        webhooks: WebhookConfig::default(),
        connections: 1,
        rate: None,
    };
    Composer::new(&config, &Installation { tag: tag.to_owned(), untagged_up_to: NotificationId(0) })
}

fn mail_by(composer: &mut Composer, number: i64, entry: &Arc<CalendarEntry>, name: &str) -> Mail {
    let part = |media_type, text: &str| ContentPart { media_type, text: text.to_owned() };
    let parts = vec![part(MediaType::Plain, "Hello\n"), part(MediaType::Html, "<p>Hello\n")];
    let content = Content {
        language: "en".into(),
        subject: "s".to_owned(),
        parts,
        calendar: Some(Arc::clone(entry)),
        unsubscribe_url: None,
    };
    let participant = Participant { name: name.to_owned(), ..sample::ada() };
    let date = "2026-12-01T08:30:00Z".parse().unwrap();
    let headers = NotificationHeaders::new(NotificationId(number), Kind::Updated, None);
    composer.compose(&headers, &participant, "ada@example.com", content, date).unwrap()
}

fn mail(number: i64, entry: &Arc<CalendarEntry>) -> String {
    mail_by(&mut composer("8e97"), number, entry, "Ada").as_received()
}

/// The lines of the entry among the alternatives, which is also attached.
fn lines_of(mail: &str) -> String {
    let read = MessageParser::new().parse(mail).unwrap();
    let contents: Vec<&[u8]> = [4, 5].map(|part| read.parts[part].contents()).to_vec();
    assert_eq!(contents[0], contents[1]);
    assert!(contents[0].ends_with(b"\r\nEND:VCALENDAR\r\n"), "{mail}");
    unfolded(&String::from_utf8(contents[0].to_vec()).unwrap().replace("\r\n", "\n"))
}

fn value(lines: &str, name: &str) -> String {
    let values: Vec<&str> = lines.lines().filter_map(|line| line.strip_prefix(name)).collect();
    assert_eq!(values.len(), 1, "{name} in {lines}");
    values[0].to_owned()
}

#[test]
fn an_entry_is_the_last_alternative_and_a_file_behind_them() {
    let mail = mail(12, &entry(CalendarMethod::Request, BERLIN));
    insta::assert_snapshot!("mail", mail.replace("\r\n", "\n"));
    let read = MessageParser::new().parse(&mail).unwrap();
    let types: Vec<String> = read
        .parts
        .iter()
        .map(|part| part.content_type().unwrap())
        .map(|found| format!("{}/{}", found.c_type, found.c_subtype.as_deref().unwrap_or_default()))
        .collect();
    // Outlook takes an entry from the first part only.
    let expected = [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "text/calendar",
        "application/ics",
    ];
    assert_eq!(types, expected);
}

/// RFC 6047 section 2.4. A part without it is a file to Outlook.
#[test]
fn the_method_is_a_parameter_as_well() {
    for method in [CalendarMethod::Publish, CalendarMethod::Request, CalendarMethod::Cancel] {
        let mail = mail(12, &entry(method, BERLIN));
        let expected =
            format!("\r\nContent-Type: text/calendar; charset=utf-8; method={}\r\n", method.as_str());
        assert!(mail.contains(&expected), "{mail}");
        assert_eq!(mail.matches("method=").count(), 1, "the file has none");
    }
}

/// Calendars ignore an entry whose number is smaller than that of theirs (RFC 5546 section 2.1.5).
#[test]
fn the_sequence_grows_with_each_notification() {
    let entry = entry(CalendarMethod::Request, BERLIN);
    let sequence = |number| value(&lines_of(&mail(number, &entry)), "SEQUENCE:").parse::<i64>().unwrap();
    assert_eq!([sequence(1), sequence(2), sequence(4711)], [1, 2, 4711]);
    assert_eq!(sequence(i64::MAX), i64::from(i32::MAX), "the largest integer of iCalendar");
}

/// It must not (RFC 5546 section 3.2.1).
#[test]
fn a_published_entry_names_no_attendee() {
    let published = lines_of(&mail(12, &entry(CalendarMethod::Publish, BERLIN)));
    assert!(!published.contains("ATTENDEE"), "{published}");
    let asked = lines_of(&mail(12, &entry(CalendarMethod::Request, BERLIN)));
    let attendee = value(&asked, "ATTENDEE");
    assert_eq!(attendee, ";CN=\"Ada\";PARTSTAT=ACCEPTED;RSVP=FALSE:mailto:ada@example.com");
    assert_eq!(value(&asked, "ORGANIZER"), ";CN=\"Events\":mailto:events@example.org");
}

/// What another system has put into a calendar is not changed.
#[test]
fn a_uid_is_of_this_event_and_this_installation() {
    let uid = |tag: &str, id: &str| {
        let event_id = EventId::from_text(id).unwrap();
        let entry =
            CalendarEntry { event_id, ..Arc::into_inner(entry(CalendarMethod::Request, BERLIN)).unwrap() };
        value(&lines_of(&mail_by(&mut composer(tag), 12, &Arc::new(entry), "Ada").as_received()), "UID:")
    };
    assert_eq!(uid("8e97", "123"), "fanmail-8e97-event-123");
    assert_eq!(uid("8e98", "123"), "fanmail-8e98-event-123");
    assert_eq!(uid("8e97", "-123"), "fanmail-8e97-event--123");
    let text = uid("8e97", "Summer; party, 2026\r\n🎉");
    assert_eq!(text, "fanmail-8e97-event-x5c25d3307f5697d1");
    assert_ne!(text, uid("8e97", "summer; party, 2026\r\n🎉"), "capitals count");
    assert!(uid("8e97", &"ü".repeat(100)).len() < 64);
}

#[test]
fn an_entry_has_the_encoding_that_its_text_needs() {
    let japanese = format!("{BERLIN}DESCRIPTION:{}\n", "灯りの夕べ".repeat(4));
    let german = format!("{BERLIN}LOCATION:Köln\n");
    let boundary = format!("{BERLIN}LOCATION:--=_n12.p1--\n");
    for (lines, name, expected) in [
        (BERLIN, "Ada", "7bit"),
        (BERLIN, "Zoë", "quoted-printable"),
        (BERLIN, "=_n12.p1", "quoted-printable"),
        (&german, "Ada", "quoted-printable"),
        (&boundary, "Ada", "quoted-printable"),
        (&japanese, "Ada", "base64"),
        (&japanese, "Zoë", "base64"),
    ] {
        let entry = entry(CalendarMethod::Request, lines);
        let mail = mail_by(&mut composer("8e97"), 12, &entry, name).as_received();
        let found = mail.matches(&format!("\r\nContent-Transfer-Encoding: {expected}\r\n")).count();
        assert_eq!(found, if expected == "7bit" { 4 } else { 2 }, "{mail}");
        assert!(mail.split("\r\n").all(|line| line.len() <= 76 && line.is_ascii()), "{mail}");
        let read = lines_of(&mail);
        assert!(read.starts_with(lines), "{read}");
        assert!(value(&read, "ATTENDEE").starts_with(&format!(";CN=\"{name}\"")), "{read}");
    }
}

#[test]
fn mails_of_several_notifications_in_turn_do_not_mix() {
    let mut composer = composer("8e97");
    let entries: Vec<Arc<CalendarEntry>> = (0..12)
        .map(|number| entry(CalendarMethod::Request, &format!("{BERLIN}LOCATION:Hall {number}\n")))
        .collect();
    for round in 0..3 {
        for (number, entry) in entries.iter().enumerate() {
            let name = if (round + number) % 2 == 0 { "Ada" } else { "Zoë" };
            let lines = lines_of(&mail_by(&mut composer, 12, entry, name).as_received());
            assert_eq!(value(&lines, "LOCATION:"), format!("Hall {number}"));
        }
    }
    assert_eq!(composer.calendar.kept.len(), KEPT);
}

#[test]
fn a_mail_has_the_same_bytes_whoever_the_mails_before_it_went_to() {
    let entry = entry(CalendarMethod::Request, BERLIN);
    let new_composer = || composer("8e97");
    let mut composer = new_composer();
    for name in ["Ada", "Zoë", "灯りの夕べ".repeat(15).as_str(), "Ada", "Zoë"] {
        let expected = mail_by(&mut new_composer(), 12, &entry, name).as_received();
        assert_eq!(mail_by(&mut composer, 12, &entry, name).as_received(), expected, "{name}");
    }
    assert_eq!(composer.calendar.kept.len(), 3);
}

#[test]
fn any_address_is_a_mailto_address() {
    let person = |name: &str, address: &str| person("ATTENDEE", name, "", address);
    assert_eq!(person("", "a+b@example.org"), "ATTENDEE:mailto:a+b@example.org");
    assert_eq!(
        person("Lee, \"Ann\"", "o'brien%&/;=?#{}^|`@example.org"),
        "ATTENDEE;CN=\"Lee, ^'Ann^'\":mailto:o'brien%25%26%2F%3B%3D%3F%23%7B%7D%5E%7C%60@example.org"
    );
    assert_eq!(person(" \r\n", "jürgen@example.org"), "ATTENDEE:mailto:j%C3%BCrgen@example.org");
    assert!(person(&"x".repeat(500), "a@example.org").len() < 120);
}
