//! What has changed about an event since an earlier notification has told it, as far as people see it in a mail. How a mail says it is
//! left to the templates, whom it is said to left to the worker.

pub(crate) mod shown;

use crate::content::changes::shown::{Moved, Shown};
use crate::content::layout;
use crate::content::view::{line, web_address};
use crate::domain::event::Event;
use crate::domain::event_snapshot::EventSnapshot;

/// A fact about an event that mails show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// What it is called.
    Title,
    /// When it begins and ends, by the clocks of its place.
    When,
    /// Where these clocks stand.
    TimeZone,
    /// Where it takes place.
    Location,
    /// Its page on the web.
    Url,
    /// The text about it.
    Description,
}

impl Field {
    /// The word for it in templates.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::When => "when",
            Self::TimeZone => "time_zone",
            Self::Location => "location",
            Self::Url => "url",
            Self::Description => "description",
        }
    }
}

/// How the time has changed. One that was not known has a new day.
pub(crate) fn moved(previous: &EventSnapshot, event: &Event) -> Moved {
    let [old, new] =
        [previous, &EventSnapshot::of(event)].map(|snapshot| Shown::of(&snapshot.event(event.id)));
    match (old, new) {
        (Some(old), Some(new)) => new.moved_from(&old),
        (old, new) => Moved { start: false, date: old.is_none() && new.is_some() },
    }
}

/// What mails show differently now, most important first.
#[must_use]
pub fn changed_fields(previous: &EventSnapshot, event: &Event) -> Vec<Field> {
    let now = EventSnapshot::of(event);
    // As the ledger has both: a description that is too long to be kept is cut in both, and has a digest.
    let (old, new) = (previous.event(event.id), now.event(event.id));
    let (has_moved, has_other_zone) = match (Shown::of(&old), Shown::of(&new)) {
        (Some(old), Some(new)) => (new.has_moved_from(&old), new.has_other_zone_than(&old)),
        (old, new) => (old.is_some() != new.is_some(), false),
    };
    let texts = |text: fn(&Event) -> Option<String>| text(&old) != text(&new);
    [
        (Field::When, has_moved),
        (Field::TimeZone, has_other_zone),
        (Field::Location, texts(location)),
        (Field::Title, texts(|event| Some(line(&event.title)))),
        (Field::Url, texts(|event| event.url.as_deref().and_then(web_address))),
        (Field::Description, texts(description) || !previous.has_same_long_description(&now)),
    ]
    .into_iter()
    .filter_map(|(field, is_changed)| is_changed.then_some(field))
    .collect()
}

fn location(event: &Event) -> Option<String> {
    event.location.as_deref().map(line).filter(|line| !line.is_empty())
}

fn description(event: &Event) -> Option<String> {
    event.description.as_deref().map(layout::paragraphs).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::config::content::ContentConfig;
    use crate::content::locales::Locales;
    use crate::content::sample;
    use crate::content::tag::Tag;
    use crate::content::view;
    use crate::domain::event::DateOrTime;

    fn fields(change: impl Fn(&mut Event)) -> Vec<&'static str> {
        let (old, mut new) = (sample::full(), sample::full());
        change(&mut new);
        changed_fields(&EventSnapshot::of(&old), &new).into_iter().map(Field::as_str).collect()
    }

    fn moment(text: &str) -> Option<DateOrTime> {
        crate::domain::times::parse(text)
    }

    #[test]
    fn each_fact_that_mails_show_is_compared() {
        assert_eq!(fields(|_| {}), [""; 0]);
        assert_eq!(fields(|event| event.title = "Another".to_owned()), ["title"]);
        assert_eq!(fields(|event| event.location = None), ["location"]);
        assert_eq!(fields(|event| event.url = Some("https://example.org/".to_owned())), ["url"]);
        assert_eq!(fields(|event| event.description = Some("Another".to_owned())), ["description"]);
        assert_eq!(fields(|event| event.starts_at = moment("2026-12-24 18:00")), ["when"]);
        assert_eq!(fields(|event| event.ends_at = moment("2026-12-24 23:59")), ["when"]);
        assert_eq!(fields(|event| event.ends_at = None), ["when"]);
        assert_eq!(fields(|event| event.starts_at = None), ["when"]);
        assert_eq!(fields(|event| event.starts_at = moment("2026-12-24")), ["when"]);
        // The same clocks.
        assert_eq!(fields(|event| event.timezone = "Europe/Paris".to_owned()), ["time_zone"]);
        assert_eq!(
            fields(|event| event.timezone = "Europe/London".to_owned()),
            ["time_zone"],
            "the same instant"
        );
        let moved = |event: &mut Event| {
            event.starts_at = moment("2026-12-24 18:00");
            event.location = Some("The park".to_owned());
        };
        assert_eq!(fields(moved), ["when", "location"]);
    }

    #[test]
    fn an_event_that_begins_as_before_has_not_moved() {
        let moved = |old: &Event, change: fn(&mut Event)| {
            let mut new = old.clone();
            change(&mut new);
            let Moved { start, date } = moved(&EventSnapshot::of(old), &new);
            (start, date)
        };
        let (evening, day) = (sample::full(), Event { ends_at: moment("2026-12-25"), ..sample::all_day() });
        assert_eq!(moved(&evening, |event| event.starts_at = moment("2026-12-24 18:00")), (true, false));
        assert_eq!(moved(&evening, |event| event.starts_at = moment("2026-12-23 17:00")), (true, true));
        assert_eq!(moved(&evening, |event| event.starts_at = moment("2026-12-23")), (true, true));
        for change in [
            (|event| event.ends_at = moment("2026-12-24 23:59")) as fn(&mut Event),
            |event| event.ends_at = None,
            |event| event.starts_at = moment("2026-12-24"),
            |event| event.timezone = "Asia/Tokyo".to_owned(),
            |event| event.starts_at = None,
        ] {
            assert_eq!(moved(&evening, change), (false, false));
        }
        assert_eq!(moved(&day, |event| event.ends_at = moment("2026-12-26")), (false, true));
        assert_eq!(moved(&day, |event| event.starts_at = moment("2026-12-23")), (true, true));
        assert_eq!(moved(&day, |event| event.starts_at = moment("2026-12-24 17:00")), (false, false));
    }

    /// At 3 o'clock on 25 October 2026, clocks in Berlin go back to 2.
    #[test]
    fn an_hour_that_clocks_show_twice_is_two_hours() {
        let at = |start, end| Event { starts_at: moment(start), ends_at: moment(end), ..sample::full() };
        let fields = |old: &Event, new: &Event| changed_fields(&EventSnapshot::of(old), new);
        let first = at("2026-10-25 00:30", "2026-10-25 05:00");
        assert_eq!(fields(&first, &at("2026-10-25 01:30", "2026-10-25 05:00")), [Field::When]);
        let winter = at("2026-12-25 00:30", "2026-12-25 05:00");
        assert_eq!(fields(&first, &winter), [Field::When], "another offset of the same place");
        let ends = ["2026-10-25 00:30", "2026-10-25 01:30"];
        let [first, second] = ends.map(|end| at("2026-10-24", end));
        assert_eq!(fields(&first, &second), [Field::When]);
    }

    #[test]
    fn what_no_mail_shows_is_no_change() {
        assert_eq!(fields(|event| event.updated_at = None), [""; 0]);
        assert_eq!(fields(|event| event.title.push_str("\r\n\u{202e} ")), [""; 0]);
        assert_eq!(fields(|event| event.description.as_mut().unwrap().push_str("\n \n")), [""; 0]);
        let url =
            |event: &mut Event| event.url = Some(" HTTPS://example.COM/events/winter-lights".to_owned());
        assert_eq!(fields(url), [""; 0]);
        // 24 December 2026, 17:00 UTC.
        let seconds = |event: &mut Event| event.starts_at = moment("2026-12-24 17:00:59");
        assert_eq!(fields(seconds), [""; 0]);
        assert_eq!(fields(|event| event.timezone = " europe/BERLIN".to_owned()), [""; 0]);
        let zones = |old: &str, new: &str| {
            let [old, new] = [old, new].map(|zone| Event { timezone: zone.to_owned(), ..sample::full() });
            changed_fields(&EventSnapshot::of(&old), &new)
        };
        for (old, new) in [
            ("Asia/Calcutta", "Asia/Kolkata"),
            ("US/Eastern", "America/New_York"),
            ("Etc/Zulu", "UTC"),
            ("Etc/GMT-2", "+02:00"),
        ] {
            assert_eq!(zones(old, new), [], "{old} {new}: another name of the same clocks");
        }
        let (mut old, mut new) = (sample::bare(), sample::bare());
        let nothing = |old: &Event, new: &Event| changed_fields(&EventSnapshot::of(old), new).is_empty();
        new.timezone = "Asia/Tokyo".to_owned();
        assert!(nothing(&old, &new), "without a time");
        (old.url, new.location) = (Some("javascript:alert(1)".to_owned()), Some(" ".to_owned()));
        assert!(nothing(&old, &new));
        old.starts_at = moment("9999-12-31");
        assert!(nothing(&old, &new), "no mail shows that year");
        (old.starts_at, new.starts_at) = (moment("2026-12-24"), moment("2026-12-24"));
        old.ends_at = moment("2026-12-23");
        assert!(nothing(&old, &new), "an end before the start");
    }

    #[test]
    fn a_change_behind_the_end_of_what_is_kept_is_seen() {
        let long = |end: &str| Some(format!("{}{end}", "wörd\n".repeat(9_000)));
        let old = Event { description: long("a"), ..sample::full() };
        let snapshot = EventSnapshot::of(&old);
        assert_eq!(changed_fields(&snapshot, &old), []);
        let fields = changed_fields(&snapshot, &Event { description: long("b"), ..sample::full() });
        assert_eq!(fields, [Field::Description]);
    }

    fn moments() -> impl Strategy<Value = Option<DateOrTime>> {
        let days = proptest::sample::select(vec![
            "2026-12-24",
            "2026-12-25",
            "2026-10-25",
            "9999-01-01",
            "0001-01-01",
        ]);
        let times = prop_oneof![
            Just(""),
            Just(" 00:00"),
            Just(" 00:30"),
            Just(" 01:30"),
            Just(" 17:00"),
            Just(" 17:00:30"),
            Just(" 23:30")
        ];
        (days, times).prop_map(|(day, time)| moment(&format!("{day}{time}")))
    }

    fn events() -> impl Strategy<Value = Event> {
        let text = || {
            prop_oneof![Just("a".to_owned()), Just(" a\r\n".to_owned()), Just(String::new()), any::<String>()]
        };
        let zone = proptest::sample::select(vec![
            "UTC",
            "",
            "Etc/Zulu",
            "Europe/Berlin",
            "+01:00",
            "Etc/GMT-1",
            "Not/AZone",
            "Asia/Kolkata",
            "Asia/Calcutta",
        ]);
        (text(), text(), text(), moments(), moments(), zone).prop_map(
            |(title, description, url, start, end, zone)| Event {
                title,
                description: Some(description),
                url: Some(url),
                starts_at: start,
                ends_at: end,
                timezone: zone.to_owned(),
                ..sample::full()
            },
        )
    }

    proptest! {
        /// A mail shows something else if, and only if, there is a change.
        #[test]
        fn changes_are_what_people_see(old in events(), new in events()) {
            let locales = Locales::new(Vec::new(), Vec::new(), &ContentConfig::default()).unwrap();
            let locale = locales.locale(Tag::ENGLISH);
            let shown = |event: &Event| -> BTreeSet<String> {
                let text = [("text", layout::paragraphs(event.description.as_deref().unwrap_or_default()).into())];
                let fields = view::event(event, text.into_iter(), &locale.times);
                fields.as_map().unwrap().iter().map(|field| format!("{field:?}")).collect()
            };
            let changed = changed_fields(&EventSnapshot::of(&old), &new);
            prop_assert_eq!(changed.is_empty(), shown(&old) == shown(&new), "{:?}", changed);
        }
    }
}
