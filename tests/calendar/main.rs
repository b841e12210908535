//! The calendar entries of mails, as two readers that are not fanmail's understand them: Python's icalendar and ical.js. Kinds, edge cases,
//! and texts of any characters.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails like the test itself")]

mod case;
mod edge_cases;
mod stories;

use chrono::DateTime;
use chrono_tz::TZ_VARIANTS;
use fanmail::config::content::calendar::CalendarMode;
use fanmail::content::sample;
use fanmail::domain::event::{DateOrTime, Event};
use fanmail::domain::kind::Kind;
use fanmail::domain::participant::Participant;
use fanmail::text::clean::one_line;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::Value;
use testkit::calendar;

use crate::case::{Case, assert_says, moment, templates};
use crate::edge_cases::edge_cases;

/// What both readers write in the same way.
const SAME: [&str; 11] = [
    "method",
    "uid",
    "sequence",
    "status",
    "zone",
    "organizer",
    "attendees",
    "summary",
    "location",
    "description",
    "url",
];
/// How many events are made up.
const MADE_UP: usize = 300;

/// What both readers read in these mails: the same.
fn read(mails: &[String]) -> Vec<Value> {
    let by_python = calendar::read_mails(mails);
    let entries: Vec<&str> = by_python.iter().map(|entry| entry["ics"].as_str().unwrap()).collect();
    let by_node = calendar::take(&entries);
    for (python, node) in by_python.iter().zip(by_node["taken"].as_array().unwrap()) {
        for field in SAME {
            assert_eq!(python[field], node[field], "{field} of {}", python["ics"]);
        }
        for field in ["stamp", "start", "end"] {
            assert_eq!(moment(&python[field]), moment(&node[field]), "{field} of {}", python["ics"]);
        }
    }
    by_python
}

#[test]
fn every_kind_and_edge_case_is_read_as_it_is() {
    let kinds = Kind::OF_EVENTS;
    let cases: Vec<Case> =
        edge_cases().into_iter().flat_map(|event| kinds.map(|kind| Case::new(kind, event.clone()))).collect();
    assert_read(&cases);
}

#[test]
fn any_name_is_read_as_it_is() {
    let names = [
        "",
        "O'Brien",
        "Ann \"Bob\" Lee; Jr., x:y",
        "^n ^^ ^'",
        "Zoë Müller",
        "李秀英",
        "شريف",
        "🎉",
        "=_n12.p1",
        "a\r\nATTENDEE:mailto:eve@example.com",
        &"long ".repeat(100),
    ];
    let addresses = ["ada@example.com", "o'brien+%x&y=z?#{a}|^`/!$*~-_@example.com", "ada@bücher.example"];
    let cases: Vec<Case> = names
        .iter()
        .flat_map(|name| addresses.map(|address| (name, address)))
        .map(|(name, address)| Case {
            participant: Participant {
                name: (*name).to_owned(),
                email: Some(address.to_owned()),
                ..sample::ada()
            },
            from_name: one_line(name),
            ..Case::new(Kind::Updated, sample::full())
        })
        .collect();
    assert_read(&cases);
}

#[test]
fn made_up_events_are_read_as_they_are() {
    let text = prop_oneof![any::<String>(), "[a-z ]{0,80}", "(\\\\|;|,|:|\"|\n|\r| |=_|\\^|n|ü|漢|🎉){0,80}"];
    let zone = prop_oneof![3 => prop::sample::select(&TZ_VARIANTS).prop_map(|zone| zone.name().to_owned()), 1 => ".{0,20}"];
    // From 1902 to 2098, and mostly these years.
    let second = prop_oneof![-2_145_916_800_i64..4_070_908_800, 1_700_000_000_i64..1_900_000_000];
    let moment = |second: i64, is_date: bool| {
        let time = DateTime::from_timestamp(second, 0).unwrap();
        if is_date { DateOrTime::Date(time.date_naive()) } else { DateOrTime::Time(time) }
    };
    let length = prop_oneof![-100_000..1_000_000_i64, 0..80_000_000_i64];
    let start = (second, any::<bool>());
    let end = prop::option::of((length, any::<bool>()));
    let kind = prop::sample::select(&Kind::OF_EVENTS);
    let strategy = ([text.clone(), text.clone(), text.clone()], text, zone, start, end, kind).prop_map(
        move |([title, description, place], name, timezone, (second, is_date), end, kind)| {
            let event = Event {
                title,
                description: Some(description),
                location: Some(place),
                starts_at: Some(moment(second, is_date)),
                ends_at: end.map(|(length, is_date)| moment(second + length, is_date)),
                timezone,
                ..sample::full()
            };
            Case { participant: Participant { name, ..sample::ada() }, ..Case::new(kind, event) }
        },
    );
    let mut runner = TestRunner::default();
    let cases: Vec<Case> = (0..MADE_UP).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect();
    assert_read(&cases);
}

fn assert_read(cases: &[Case]) {
    let templates = templates(CalendarMode::Request);
    let mails: Vec<String> = cases.iter().map(|case| case.mail(&templates, "8e9703b916")).collect();
    for (case, read) in cases.iter().zip(read(&mails)) {
        assert_says(case, &read);
    }
}
