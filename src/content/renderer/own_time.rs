//! The time of an event by the clocks of a recipient, which mails have beside that of the event. Whether templates show it is left to
//! `template_set`, who is in which zone to the application.

use tera::Value;

use crate::content::dates::{EventTime, ends_on_day_of};
use crate::content::local_span::LocalSpan;
use crate::content::locales::Locale;
use crate::content::text::Form;
use crate::domain::event::Event;
use crate::domain::time_zone::TimeZone;

/// The text of this sentence.
const TEXT: &str = "own_time";

/// A sentence for people in one zone.
#[derive(Debug)]
pub(super) struct OwnTime {
    plain: String,
    html: String,
}

impl OwnTime {
    /// None where the clocks show the same as those of the event, or the event has no time.
    pub fn of(event: &Event, zone: TimeZone, locale: &Locale) -> Option<Self> {
        let (here, there) = (LocalSpan::of(event)?, LocalSpan::in_zone(event, zone)?);
        let clocks = |span: &LocalSpan| {
            [Some(span.start), span.written_end()].map(|local| local?.clock.map(|clock| clock.naive_local()))
        };
        if here.start.clock.is_none() || clocks(&here) == clocks(&there) {
            return None;
        }
        let time = EventTime::of_span(&there, &locale.times);
        let is_one_day = there.written_end().is_none_or(|end| ends_on_day_of(&there.start, &end));
        let time = if is_one_day && here.start.date == there.start.date { &time.time } else { &time.when };
        let write = |form| locale.words.write(TEXT, form, |_| Some(time));
        Some(Self { plain: write(Form::Plain), html: write(Form::Html) })
    }

    /// The sentence as a part has it.
    pub fn text(&self, form: Form) -> &str {
        match form {
            Form::Plain => &self.plain,
            Form::Html => &self.html,
        }
    }

    /// What templates see.
    pub fn value(&self, form: Form) -> Value {
        match form {
            Form::Plain => Value::normal_string(&self.plain),
            Form::Html => Value::safe_string(&self.html),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::content::ContentConfig;
    use crate::content::locales::Locales;
    use crate::content::sample;
    use crate::content::tag::Tag;

    fn own_time(event: &Event, zone: &str, language: &str) -> Option<String> {
        let locales = Locales::new(Vec::new(), Vec::new(), &ContentConfig::default()).unwrap();
        let locale = locales.locale(Tag::read(language).unwrap());
        OwnTime::of(event, TimeZone::parse(zone).unwrap(), &locale).map(|time| time.plain)
    }

    #[test]
    fn another_time_is_told_in_every_language() {
        for (language, zone, expected) in [
            ("en", "America/New_York", "Your time: 12:00 to 14:00 (New York time, UTC-5)"),
            ("en-US", "America/New_York", "Your time: 12:00 PM to 2:00 PM (New York time, UTC-5)"),
            ("de", "America/New_York", "Bei Ihnen: 12:00 bis 14:00 Uhr (Ortszeit New York, UTC-5)"),
            ("fr", "Europe/London", "Chez vous : de 17:00 à 19:00 (heure locale à Londres, UTC)"),
            ("es", "America/New_York", "Su hora local: de 12:00 a 14:00 (hora de Nueva York, UTC-5)"),
            ("en", "Asia/Tokyo", "Your time: Friday, 25 December 2026, 02:00 to 04:00 (Tokyo time, UTC+9)"),
            ("en", "+02:00", "Your time: 19:00 to 21:00 (UTC+2)"),
        ] {
            assert_eq!(own_time(&sample::full(), zone, language).as_deref(), Some(expected));
        }
    }

    #[test]
    fn nothing_is_told_where_the_clocks_show_the_same() {
        for zone in ["Europe/Berlin", "europe/paris", "W. Europe Standard Time", "+01:00"] {
            assert_eq!(own_time(&sample::full(), zone, "en"), None, "{zone}");
        }
        for event in [sample::all_day(), sample::bare()] {
            assert_eq!(own_time(&event, "Asia/Tokyo", "en"), None);
        }
    }

    /// Clocks go back in Berlin while it takes place, and in New York a week later.
    #[test]
    fn an_end_that_differs_is_told() {
        let time = |text: &str| crate::domain::times::parse(text);
        let event = Event {
            starts_at: time("2026-10-24 23:00"),
            ends_at: time("2026-10-25 03:00"),
            timezone: "+02:00".to_owned(),
            ..sample::full()
        };
        assert_eq!(
            own_time(&event, "Europe/Berlin", "en").as_deref(),
            Some("Your time: 01:00 (UTC+2) to 04:00 (Berlin time, UTC+1)")
        );
    }

    #[test]
    fn of_several_days_the_first_is_told_too() {
        let time = |text: &str| crate::domain::times::parse(text);
        let until = |end| Event { ends_at: time(end), ..sample::full() };
        assert_eq!(
            own_time(&until("2026-12-25 00:30"), "Europe/London", "en").as_deref(),
            Some(
                "Your time: Thursday, 24 December 2026, 17:00 to Friday, 25 December 2026, 00:30 (London time, UTC)"
            )
        );
        assert_eq!(
            own_time(&until("2026-12-25 00:00"), "Europe/London", "en").as_deref(),
            Some("Your time: 17:00 to 00:00 (London time, UTC)")
        );
        assert_eq!(
            own_time(&until("2026-12-26"), "Europe/London", "en").as_deref(),
            Some(
                "Your time: Thursday, 24 December 2026, 17:00 (London time, UTC) to Saturday, 26 December 2026"
            )
        );
    }

    #[test]
    fn an_event_in_an_unknown_zone_has_the_time_of_the_reader() {
        let event = Event { timezone: "Middle/Earth".to_owned(), ..sample::full() };
        let told = own_time(&event, "Europe/Berlin", "en");
        assert_eq!(told.as_deref(), Some("Your time: 18:00 to 20:00 (Berlin time, UTC+1)"));
        assert_eq!(own_time(&event, "UTC", "en"), None);
    }
}
