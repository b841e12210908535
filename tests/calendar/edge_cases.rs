//! Events that are unusual in some way.

use chrono::{DateTime, Offset as _, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;
use fanmail::content::sample;
use fanmail::domain::event::{DateOrTime, Event};
use fanmail::domain::ids::EventId;
use fanmail::domain::times;

fn at(time: &str) -> Option<DateOrTime> {
    times::parse(time)
}

/// An event in this zone at these times.
pub fn event(zone: &str, start: &str, end: Option<&str>) -> Event {
    Event { timezone: zone.to_owned(), starts_at: at(start), ends_at: end.and_then(at), ..sample::full() }
}

/// When the clocks of a place change in 2026.
fn changes_of_2026(zone: &str) -> Vec<DateTime<Utc>> {
    let zone: Tz = zone.parse().unwrap();
    let new_year = DateTime::parse_from_rfc3339("2026-01-01T00:00:00Z").unwrap().to_utc();
    let offset = |time: DateTime<Utc>| zone.offset_from_utc_datetime(&time.naive_utc()).fix();
    let half_hours = (0..365 * 48).map(|count| new_year + TimeDelta::minutes(30 * count));
    half_hours.filter(|time| offset(*time) != offset(*time - TimeDelta::seconds(1))).collect()
}

/// All of them, each with a start.
pub fn edge_cases() -> Vec<Event> {
    let title = |title: &str| Event { title: title.to_owned(), ..sample::full() };
    let mut events = vec![
        sample::full(),
        sample::all_day(),
        sample::hostile(),
        title(&"A title that does not end. ".repeat(400)),
        title(&"灯りの夕べ、".repeat(2000)),
        title("🎉👩‍👩‍👧🇩🇪".repeat(100).as_str()),
        title("a\r\nATTENDEE:mailto:eve@example.com\r\nb\u{0}\u{7}\u{202e}c\\n;,:\"^'"),
        title(""),
        Event { description: None, location: None, url: None, ..sample::full() },
        Event {
            description: Some("\\n;,\n\n=_n12.p1\n--=_m.n12.p1--\n.\n..\r\nBEGIN:VEVENT".to_owned()),
            ..sample::full()
        },
        Event { id: EventId::from_text("f81d4fae-7dec-11d0-a765-00a0c91e6bf6").unwrap(), ..sample::full() },
        Event { id: EventId::from_text("Ünï code\r\n;,:\"").unwrap(), ..sample::full() },
        Event { id: EventId::Number(-5), ..sample::full() },
        event("Europe/Berlin", "2026-12-24", Some("2026-12-20")),
        event("Europe/Berlin", "2026-12-24", Some("2026-12-27")),
        event("Europe/Berlin", "2026-12-24", Some("2026-12-26T23:00:00Z")),
        event("Europe/Berlin", "2026-12-24T17:00:00Z", None),
        event("Europe/Berlin", "2026-12-24T17:00:00Z", Some("2026-12-24T16:00:00Z")),
        event("Europe/Berlin", "2026-12-24T17:00:00Z", Some("2026-12-26")),
        event("Europe/Berlin", "2026-12-24T17:00:00Z", Some("2027-12-26T17:00:00Z")),
        event("Europe/Berlin", "9998-12-24T17:00:00Z", Some("9999-12-26T17:00:00Z")),
        event("Europe/Berlin", "1900-01-01T00:00:00Z", None),
        // The hour that clocks skip and the one that they show twice.
        event("Europe/Berlin", "2026-03-29T00:30:00Z", Some("2026-03-29T01:30:00Z")),
        event("Europe/Berlin", "2026-10-25T00:30:00Z", Some("2026-10-25T01:30:00Z")),
    ];
    for zone in ["Asia/Nicosia", "America/New_York", "Australia/Lord_Howe"] {
        for change in changes_of_2026(zone) {
            // Each half hour around a change of the clocks, so also those that they skip or show twice.
            for minutes in (-180..=180).step_by(30) {
                let start = change + TimeDelta::minutes(minutes);
                let end = start + TimeDelta::hours(9);
                events.push(event(zone, &start.to_rfc3339(), Some(&end.to_rfc3339())));
                events.push(event(
                    zone,
                    &(start - TimeDelta::hours(9)).to_rfc3339(),
                    Some(&start.to_rfc3339()),
                ));
            }
        }
    }
    for zone in [
        "Africa/Casablanca",
        "Africa/Cairo",
        "America/Nuuk",
        "America/Sao_Paulo",
        "America/St_Johns",
        "Asia/Gaza",
        "Asia/Jerusalem",
        "Asia/Kathmandu",
        "Asia/Tehran",
        "Australia/Lord_Howe",
        "Etc/GMT+2",
        "Europe/Dublin",
        "Not/AZone",
        "Pacific/Apia",
        "Pacific/Chatham",
        "W. Europe Standard Time",
        "+05:30",
        "",
    ] {
        for start in
            ["2011-12-29T21:00:00Z", "2018-11-03T12:00:00Z", "2026-02-14T17:00:00Z", "2026-07-24T17:00:00Z"]
        {
            // Over a change of the clocks, or of the calendar, or neither.
            let end = start.replace("-29T21", "-31T21").replace("-03T", "-04T").replace("-14T", "-16T");
            events.push(event(zone, start, Some(&end)));
        }
    }
    events
}
