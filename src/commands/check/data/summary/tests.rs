//! Sentences about rows, without a database.

use std::time::Duration;

use super::*;
use crate::store::source::sample::SomeKeys;

const LIMITS: Limits = Limits { events: 20, participants: 1000, time: Duration::from_secs(10) };

fn person(id: i64, email: Option<&str>) -> Participant {
    Participant {
        id: ParticipantId(id),
        key: None,
        email: email.map(str::to_owned),
        name: String::new(),
        locale: None,
        timezone: None,
        details: None,
    }
}

fn sample(people: Vec<Participant>) -> ParticipantSample {
    ParticipantSample { readable: people, text_keys: None, lacks_keys: false, unreadable: 0, example: None }
}

fn summary(looks: Vec<Look>) -> Summary {
    let mut summary = Summary::new(LIMITS);
    for look in looks {
        summary.add(look);
    }
    summary
}

#[test]
fn what_was_looked_at_is_told_with_its_limits() {
    let looked_at = |summary: &Summary| summary.notes().remove(0);
    assert_eq!(looked_at(&summary(vec![])), "there are no events yet, so no rows were looked at");
    let people = vec![person(-3, Some("a@example.org")), person(0, Some("b@example.org"))];
    let one = summary(vec![Look::Events(1), Look::Participants(EventId::Number(7), sample(people))]);
    assert_eq!(
        looked_at(&one),
        "looked at 1 event and the first 1000 participants of each: 2 participants with keys from -3 to 0"
    );
    assert_eq!((one.problems(), one.notes().len()), (vec![], 1));
    let many = summary(vec![Look::Events(20), Look::Doubled(EventId::Number(7), None)]).out_of_time();
    assert_eq!(
        looked_at(&many),
        "looked at the 20 newest events and the first 1000 participants of each: 0 participants; not everything, because \
         10 s were over (doubled keys were looked for in 1 of the events). An index on the event and the id of participants \
         makes this faster, and the worker as well"
    );
}

#[test]
fn addresses_are_counted_by_what_is_wrong_with_them_and_never_shown() {
    let people = [
        (1, Some("MARKER@example..org")),
        (2, Some("MARKER@-example.org")),
        (3, Some("MARKER at example.org")),
        (4, None),
        (5, Some("ada@Example.org")),
        (6, Some("ada@example.ORG")),
        (7, Some("Ada@example.org")),
    ];
    let people = people.map(|(id, email)| person(id, email)).to_vec();
    let summary = summary(vec![Look::Events(1), Look::Participants(EventId::Number(7), sample(people))]);
    let rest = "; without a correction they count as failed";
    assert_eq!(
        summary.notes()[1..],
        [
            format!(
                "2 participants with an address that cannot be written: the address has an invalid domain, such as \
                 M…@example..org (participant 1 of event 7){rest}"
            ),
            format!(
                "1 participant with an address that cannot be written: the address has spaces, such as M… (participant 3 \
                 of event 7){rest}"
            ),
            "1 participant without an address, who are skipped".to_owned(),
            "1 participant with the address of another participant of the same event; each of them gets a mail, unless \
             ONE_MAIL_PER_ADDRESS=True"
                .to_owned(),
        ]
    );
    assert_eq!(summary.problems(), Vec::<String>::new());
    let notes = summary.with_one_mail_per_address(true).notes();
    assert!(notes[4].ends_with("event; with ONE_MAIL_PER_ADDRESS=True only one of each address gets the mail, and the others are skipped"), "{notes:?}");
}

#[test]
fn what_should_be_an_address_keeps_a_letter_and_the_domain() {
    for (email, shown) in [
        ("ada@example..org", "a…@example..org"),
        ("Ada Lovelace <ada@example.org>", "A…@example.org…"),
        ("ada@example.org, bob@example.net", "a…@example.net"),
        ("ada.lovelace", "a…"),
        ("@example.org", "…@example.org"),
        ("ada@ example.org (Ada Lovelace)", "a…@…"),
        ("ada\u{1b}[2J@example.org", "a…@example.org"),
        ("a\u{202e}@\u{202e}x.org", "a…@x.org"),
    ] {
        assert_eq!(masked(email), shown, "{email:?}");
    }
    assert!(masked(&format!("ada@{}", "x".repeat(500))).chars().count() <= SHOWN_MAX);
}

#[test]
fn doubled_keys_and_rows_that_cannot_be_read_are_problems() {
    let five = |email| person(5, Some(email));
    let twice = vec![person(1, None), five("a@x.org"), person(5, None), five("b@x.org"), person(6, None)];
    let unreadable = ParticipantSample {
        unreadable: 2,
        example: Some((ParticipantId(9), "invalid byte sequence ada@example.org".to_owned())),
        ..sample(Vec::new())
    };
    let mut looks = summary(vec![
        Look::Events(2),
        Look::Participants(EventId::Number(7), sample(twice)),
        Look::Participants(EventId::Number(8), unreadable),
    ]);
    let problems = looks.problems();
    assert_eq!(
        problems[0],
        "2 participants cannot be read, such as participant 9 of event 8: invalid byte sequence a***@example.org; correct \
         the row, or leave it out in a view"
    );
    assert!(
        problems[1].starts_with(
            "more than one row of an event has the same participants.id, with several addresses (1 key, such as 5 in event 7), \
             and only one"
        ) && problems[1].contains("GROUP BY makes one row"),
        "{problems:?}"
    );
    // The whole event was read.
    let keys = |count, first: &str| SomeKeys { count, first: first.to_owned() };
    let doubled = DoubledKeys { all: keys(50, "2"), differing: Some(keys(40, "3")) };
    looks.add(Look::Doubled(EventId::Number(7), Some(doubled)));
    assert!(looks.problems()[1].contains("(40 keys, such as 3 in event 7)"));
}

/// The worker takes them for one participant.
#[test]
fn doubled_keys_of_rows_with_one_address_are_a_note() {
    let people = vec![
        person(1, None),
        person(1, None),
        person(5, Some("a@x.org")),
        person(5, Some(" a@X.org")),
        person(5, None),
        person(6, Some("b@x.org")),
    ];
    let summary = summary(vec![Look::Events(1), Look::Participants(EventId::Number(7), sample(people))]);
    assert_eq!(summary.problems(), Vec::<String>::new());
    assert_eq!(
        summary.notes().last().unwrap(),
        "more than one row of an event has the same participants.id, with one address (2 keys, such as 1 in event 7); they are \
         one participant, who gets one mail"
    );
    assert!(
        !summary.notes().iter().any(|note| note.contains("another participant")),
        "{:?}",
        summary.notes()
    );
}

#[test]
fn the_keys_of_events_are_told_unless_all_keys_are_numbers() {
    let looked_at = |keys: EventKeyType| {
        let people = sample(vec![person(1, None)]);
        let looks = [Look::Events(1), Look::EventKeys(keys), Look::Participants(EventId::Number(7), people)];
        summary(looks.into()).notes().remove(0)
    };
    assert!(looked_at(EventKeyType::Number).ends_with("1 participant with keys from 1 to 1"));
    let uuids = looked_at(EventKeyType::Uuid);
    assert!(uuids.ends_with("1 participant with keys from 1 to 1; the keys of events are UUIDs"), "{uuids}");
    assert!(looked_at(EventKeyType::TextUpTo('x')).ends_with("the keys of events are text"));
}

#[test]
fn odd_events_are_notes() {
    let notes = summary(vec![
        Look::Events(3),
        Look::Times(EventId::Number(7), vec!["starts_at", "ends_at"]),
        Look::Times(EventId::Number(8), vec!["starts_at"]),
        Look::NoneTakesPart,
    ])
    .notes();
    let begins = [
        "1 event with something in ends_at that is not a time that fanmail can read, such as event 7; their mails",
        "2 events with something in starts_at that is not a time that fanmail can read, such as event 7; their mails",
        "none of these events has a participant, although there are participants: their event_id must",
    ];
    assert_eq!(notes.len(), 4, "{notes:?}");
    assert!(notes[1..].iter().zip(begins).all(|(note, begin)| note.starts_with(begin)), "{notes:?}");
}

#[test]
fn an_unknown_zone_is_shown_masked_and_cut() {
    let example = format!("ada@example.org\r\n{}", "x".repeat(80));
    let summary = summary(vec![Look::Zones(UnknownZones { events: 3, example })]);
    let note = summary.unknown_zones().next().unwrap();
    assert!(
        note.starts_with(
            "3 events with a time zone that fanmail does not know, such as \"a***@example.org xxx"
        )
    );
    assert!(note.contains("x…\"; their mails show UTC") && note.len() < 200, "{note}");
}

#[test]
fn unknown_zones_of_participants_are_counted() {
    let in_zone = |id, zone: Option<&str>| Participant {
        timezone: zone.map(str::to_owned),
        ..person(id, Some(&format!("p{id}@example.org")))
    };
    let people = vec![
        in_zone(1, Some("Middle/Earth")),
        in_zone(2, Some("europe/berlin")),
        in_zone(3, None),
        in_zone(4, Some("PST")),
    ];
    let notes = summary(vec![Look::Participants(EventId::Number(7), sample(people))]).notes();
    assert_eq!(
        notes[1..],
        [
            "2 participants with a time zone that fanmail does not know, such as \"Middle/Earth\"; their mails do not show the \
          time of their own clocks; store a name such as Europe/Berlin"
        ]
    );
}

#[test]
fn the_same_failure_is_told_once() {
    use crate::store::error::StoreError;
    let failed = || Look::Failed(StoreError::new("read an event", &"no such column: events.title"));
    let problems = summary(vec![Look::Events(2), failed(), failed()]).problems();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains("no such column"), "{problems:?}");
}

#[test]
fn keys_that_are_text_are_shown_masked_and_rows_without_a_key_are_a_problem() {
    let people = vec![person(1, Some("MARKER at example.org")), person(2, None)];
    let keys = ["ada@example.org".to_owned(), "b".to_owned()].to_vec();
    let text_keys = Some(TextKeys { name: "text", keys });
    let text = ParticipantSample { text_keys, lacks_keys: true, ..sample(people) };
    let mut summary = summary(vec![Look::Events(1), Look::Participants(EventId::Number(7), text)]);
    let notes = summary.notes();
    assert_eq!(
        notes[0],
        "looked at 1 event and the first 1000 participants of each: 2 participants with keys that are text; the keys of events are \
         whole numbers"
    );
    assert!(notes[1].contains("such as M… (participant a***@example.org of event 7)"), "{notes:?}");
    assert_eq!(
        summary.problems(),
        [
            "rows of participants without an id (NULL), such as in event 7, would get no mail; give each row an id"
        ]
    );
    let keys = SomeKeys { count: 1, first: "ada@example.org".to_owned() };
    let doubled = DoubledKeys { all: keys.clone(), differing: Some(keys) };
    summary.add(Look::Doubled(EventId::Number(7), Some(doubled)));
    assert!(
        summary.problems()[0].contains("(1 key, such as a***@example.org in event 7)"),
        "{:?}",
        summary.problems()
    );
}
