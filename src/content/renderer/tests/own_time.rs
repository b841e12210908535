//! The time of an event by the clocks of the recipient, in whole mails.

use super::*;
use crate::content::sample::edge_cases;

fn in_zone(zone: &str) -> Participant {
    Participant { timezone: Some(zone.to_owned()), ..sample::ada() }
}

#[test]
fn both_parts_have_the_time_of_the_reader_beside_that_of_the_event() {
    let mail = render(Kind::Created, &sample::full(), &in_zone("America/New_York"));
    let expected = "    Thursday, 24 December 2026, 18:00 to 20:00 (Berlin time, UTC+1)\n\
                    \x20   Your time: 12:00 to 14:00 (New York time, UTC-5)\n";
    let text = mail.text(MediaType::Plain);
    assert!(text.contains(expected), "{text}");
    let html = mail.text(MediaType::Html);
    assert!(html.contains("Your time: <bdi>12:00 to 14:00 (New York time, UTC-5)</bdi>"), "{html}");
}

#[test]
fn nothing_is_said_where_it_would_say_nothing() {
    let says = |kind, event: &Event, person: &Participant| {
        let mail = render(kind, event, person);
        mail.parts.iter().any(|part| part.text.contains("Your time"))
    };
    let tokyo = in_zone("Asia/Tokyo");
    assert!(says(Kind::Reminder, &sample::full(), &tokyo));
    for (kind, event, person) in [
        (Kind::Created, sample::full(), sample::ada()),
        (Kind::Created, sample::full(), in_zone("Europe/Vienna")),
        (Kind::Created, sample::full(), in_zone("Middle/Earth")),
        (Kind::Created, sample::full(), in_zone("\0o\0")),
        (Kind::Created, sample::all_day(), tokyo.clone()),
        (Kind::Created, sample::bare(), tokyo.clone()),
        (Kind::Created, edge_cases::past(), tokyo.clone()),
        (Kind::Cancelled, sample::full(), tokyo.clone()),
    ] {
        assert!(!says(kind, &event, &person), "{kind} {:?}", person.timezone);
    }
}

/// More zones than are kept, and people without one between them.
#[test]
fn everyone_gets_the_time_of_their_own_zone() {
    let templates = Templates::load(&ContentConfig::default()).unwrap();
    let context = context_of(&templates, Kind::Created, &sample::full());
    for minutes in (-14 * 60..=14 * 60).step_by(7) {
        let (sign, minutes) = (if minutes < 0 { '-' } else { '+' }, i32::abs(minutes));
        let zone = format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60);
        let mail = templates.render(&context, &in_zone(&zone)).unwrap();
        let offset = match (minutes / 60, minutes % 60) {
            (0, 0) => "(UTC+0)".to_owned(),
            (hours, 0) => format!("(UTC{sign}{hours})"),
            (hours, minutes) => format!("(UTC{sign}{hours}:{minutes:02})"),
        };
        let text = mail.text(MediaType::Plain);
        assert!(text.contains("Your time: ") && text.contains(&offset), "{zone}: {text}");
        let without = templates.render(&context, &sample::ada()).unwrap();
        assert!(!without.text(MediaType::Plain).contains("Your time"));
    }
}

#[test]
fn templates_of_ones_own_see_the_zone() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("created")).unwrap();
    let template = "at {{ event.starts_at | date(format=\"%R\", timezone=participant.timezone) }} {{ participant.timezone }} {{ own_time }}";
    fs::write(dir.path().join("created/subject.txt"), template).unwrap();
    let templates = Templates::load(&ContentConfig::with_templates(dir.path())).unwrap();
    let context = context_of(&templates, Kind::Created, &sample::full());
    for (zone, expected) in [
        (
            "asia/tokyo",
            "at 02:00 Asia/Tokyo Your time: Friday, 25 December 2026, 02:00 to 04:00 (Tokyo time, UTC+9)",
        ),
        ("Middle/Earth", "at 18:00"),
        ("Europe/Paris", "at 18:00 Europe/Paris"),
    ] {
        assert_eq!(templates.render(&context, &in_zone(zone)).unwrap().subject, expected);
    }
}
