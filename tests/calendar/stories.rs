//! What becomes of the calendar of a recipient who gets several mails.

use chrono::NaiveDate;
use fanmail::config::content::calendar::CalendarMode;
use fanmail::content::sample;
use fanmail::domain::event::{DateOrTime, Event};
use fanmail::domain::ids::EventId;
use fanmail::domain::kind::Kind;
use testkit::calendar;

use crate::case::{Case, templates};
use crate::edge_cases::event;

/// The actions of a calendar to which these mails come, and how many entries are left in it.
fn actions(mails: &[String]) -> (Vec<String>, usize) {
    let read = calendar::read_mails(mails);
    let entries: Vec<&str> = read.iter().map(|entry| entry["ics"].as_str().unwrap()).collect();
    let calendar = calendar::take(&entries);
    let taken = calendar["taken"].as_array().unwrap();
    let actions = taken.iter().map(|entry| entry["action"].as_str().unwrap().to_owned()).collect();
    (actions, calendar["shown"].as_array().unwrap().len())
}

#[test]
fn an_event_that_is_created_updated_and_cancelled_leaves_no_entry() {
    let moved = event("Europe/Berlin", "2026-12-25T17:00:00Z", None);
    for id in ["123", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"] {
        let id = EventId::from_text(id).unwrap();
        let story = |mode| {
            let templates = templates(mode);
            let mail = |number, kind, event: &Event| {
                let event = Event { id, ..event.clone() };
                Case { number, ..Case::new(kind, event) }.mail(&templates, "8e9703b916")
            };
            let cancelled = mail(9, Kind::Cancelled, &moved);
            let late = mail(5, Kind::Updated, &moved);
            let story = [
                mail(2, Kind::Created, &sample::full()),
                late.clone(),
                mail(7, Kind::Reminder, &moved),
                cancelled,
                // The relay held it back.
                late,
            ];
            (actions(&story[..3]), actions(&story))
        };
        let texts = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let (before, after) = story(CalendarMode::Request);
        assert_eq!(before, (texts(&["added", "changed", "changed"]), 1));
        assert_eq!(after, (texts(&["added", "changed", "changed", "removed", "ignored"]), 0));
        let (before, after) = story(CalendarMode::Publish);
        assert_eq!(before, (texts(&["offered", "changed", "changed"]), 1));
        assert_eq!(after, (texts(&["offered", "changed", "changed", "changed", "ignored"]), 0));
    }
}

#[test]
fn events_of_other_installations_and_keys_are_other_entries() {
    let templates = templates(CalendarMode::Request);
    let case = |id: &str| {
        let event = Event { id: EventId::from_text(id).unwrap(), ..sample::full() };
        Case::new(Kind::Updated, event)
    };
    let keys = ["1", "-1", "11", "a", "A", "a ", "ä", "a\u{308}", "0", "00"];
    let mut mails: Vec<String> = keys.iter().map(|key| case(key).mail(&templates, "8e9703b916")).collect();
    mails.push(case("1").mail(&templates, "8e9703b917"));
    let (actions, shown) = actions(&mails);
    assert!(actions.iter().all(|action| action == "added"), "{actions:?}");
    assert_eq!(shown, keys.len() + 1);
}

#[test]
fn without_a_start_or_a_calendar_there_is_no_entry() {
    let has_entry = |mode, event: Event| {
        let mail = Case::new(Kind::Updated, event).mail(&templates(mode), "t");
        let is_mixed = mail.contains("multipart/mixed");
        assert_eq!(mail.contains("text/calendar"), is_mixed);
        is_mixed
    };
    assert!(
        has_entry(CalendarMode::Request, sample::full()) && has_entry(CalendarMode::Publish, sample::full())
    );
    assert!(!has_entry(CalendarMode::Off, sample::full()));
    assert!(!has_entry(CalendarMode::Request, sample::bare()));
    assert!(!has_entry(CalendarMode::Request, event("UTC", "9999-01-01", None)));
    let day = NaiveDate::from_ymd_opt(1, 1, 1).unwrap();
    assert!(!has_entry(
        CalendarMode::Request,
        Event { starts_at: Some(DateOrTime::Date(day)), ..sample::full() }
    ));
}
