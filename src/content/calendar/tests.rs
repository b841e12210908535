//! The entries of all kinds, and what events make of them.

use super::*;
use crate::config::content::ContentConfig;
use crate::content::calendar::content_lines::tests::unfolded;
use crate::content::sample;
use crate::content::view::event_facts::EventFacts;

fn facts(calendar: CalendarMode, kind: Kind, event: &Event) -> EventFacts {
    EventFacts::of(kind, event, &ContentConfig { calendar, ..ContentConfig::default() }, sample::now())
}

/// The lines, not folded.
fn lines(mode: CalendarMode, kind: Kind, event: &Event) -> Option<String> {
    facts(mode, kind, event).calendar.map(|entry| unfolded(&entry.lines))
}

fn request(event: &Event) -> String {
    lines(CalendarMode::Request, Kind::Updated, event).unwrap()
}

#[test]
fn an_entry_has_the_facts_of_its_event() {
    let full = facts(CalendarMode::Request, Kind::Created, &sample::full()).calendar.unwrap();
    insta::assert_snapshot!("created", full.lines);
    let cancelled = lines(CalendarMode::Request, Kind::Cancelled, &sample::all_day());
    insta::assert_snapshot!("cancelled", cancelled.unwrap());
    insta::assert_snapshot!("nasty", request(&sample::hostile()));
}

#[test]
fn a_kind_has_its_method_and_its_status() {
    for (mode, kind, expected) in [
        (CalendarMode::Request, Kind::Created, Some(["REQUEST", "CONFIRMED"])),
        (CalendarMode::Request, Kind::Updated, Some(["REQUEST", "CONFIRMED"])),
        (CalendarMode::Request, Kind::Reminder, Some(["REQUEST", "CONFIRMED"])),
        (CalendarMode::Request, Kind::Cancelled, Some(["CANCEL", "CANCELLED"])),
        (CalendarMode::Request, Kind::Routed, None),
        (CalendarMode::Request, Kind::Notice, None),
        (CalendarMode::Publish, Kind::Updated, Some(["PUBLISH", "CONFIRMED"])),
        (CalendarMode::Publish, Kind::Cancelled, Some(["PUBLISH", "CANCELLED"])),
        (CalendarMode::Off, Kind::Updated, None),
        (CalendarMode::Off, Kind::Cancelled, None),
    ] {
        let found = lines(mode, kind, &sample::full());
        let values = found.as_ref().map(|lines| {
            let value = |name: &str| lines.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            [value("METHOD:"), value("STATUS:")]
        });
        assert_eq!(values, expected, "{mode:?} {kind}");
    }
    assert_eq!(lines(CalendarMode::Request, Kind::Updated, &sample::bare()), None, "it has no start");
}

#[test]
fn the_method_is_that_of_the_calendar_and_not_of_the_event() {
    let lines = request(&sample::full());
    let (before, within) = lines.split_once("BEGIN:VEVENT\n").unwrap();
    assert!(before.contains("\nMETHOD:REQUEST\n") && !within.contains("METHOD"), "{lines}");
}

#[test]
fn texts_are_cut_and_say_where_the_rest_is() {
    let long = "wörd, ".repeat(20_000);
    let event = Event {
        title: long.clone(),
        location: Some(long.clone()),
        description: Some(long),
        ..sample::full()
    };
    let lines = request(&event);
    let value = |name: &str| lines.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    for (name, max) in [("SUMMARY:", 300), ("LOCATION:", 300)] {
        let text = value(name).replace('\\', "");
        assert!(text.chars().count() <= max && text.ends_with('…'), "{name} {}", text.len());
    }
    let description = value("DESCRIPTION:");
    assert!(description.ends_with("…\\n\\nhttps://example.com/events/winter-lights"), "{description}");
    assert!(lines.len() < 12_000, "{}", lines.len());
}

#[test]
fn the_page_of_an_event_is_named_once() {
    let page = "https://example.com/events/winter-lights";
    let with = |description: &str| {
        let description = Some(description.to_owned());
        request(&Event { description, ..sample::full() }).matches(page).count()
    };
    assert_eq!([with(""), with(&format!("See {page}"))], [2, 2], "with URL");
    let lines =
        request(&Event { url: Some("javascript:alert(1)".to_owned()), description: None, ..sample::full() });
    assert!(!lines.contains("URL") && !lines.contains("DESCRIPTION"), "{lines}");
}

#[test]
fn what_takes_place_has_links_that_add_it() {
    let links = |kind| {
        let facts = facts(CalendarMode::Request, kind, &sample::full());
        let of_calendars = |name: &str| name.ends_with("_calendar_url");
        facts.fields().filter(|(name, value)| of_calendars(name) && !value.is_none()).count()
    };
    assert_eq!(Kind::OF_EVENTS.map(links), [2, 2, 0, 2]);
}
