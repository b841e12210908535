//! What templates see of an event that is the same in every language: its description, what its place is, and facts about its
//! time. Made once for all mails of a notification, because reading a description may take longer than a mail.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tera::Value;

use crate::config::content::ContentConfig;
use crate::content::calendar::{EntryTexts, ForCalendars};
use crate::content::description::Description;
use crate::content::filters::date::format::iso;
use crate::content::json_ld::Reservation;
use crate::content::local_span::Local;
use crate::content::place::Place;
use crate::content::rich_text::RichText;
use crate::content::timing::Timing;
use crate::content::view::{line, title, web_address};
use crate::domain::calendar_entry::CalendarEntry;
use crate::domain::event::{DateOrTime, Event};
use crate::domain::kind::Kind;
use crate::domain::participant::Participant;
use crate::domain::time_zone::TimeZone;

/// The facts, as values of Tera: their clones copy no text.
#[derive(Debug, Clone)]
pub(crate) struct EventFacts {
    fields: Vec<(&'static str, Value)>,
    reservation: Option<Reservation>,
    /// Whether it is over.
    pub is_past: bool,
    /// The moment of the mails.
    pub now: DateTime<Utc>,
    /// The event for the calendars of the recipients.
    pub calendar: Option<Arc<CalendarEntry>>,
}

impl EventFacts {
    /// Those of an event at the moment `now`.
    pub fn of(kind: Kind, event: &Event, config: &ContentConfig, now: DateTime<Utc>) -> Self {
        let url = event.url.as_deref().and_then(web_address);
        let source = event.description.as_deref().unwrap_or_default();
        let description = Description::read(source, config.description_format);
        // Where people cannot read on, they read all of it here.
        let excerpt = if url.is_some() { &description.excerpt } else { &description.whole };
        let location = event.location.as_deref().map(line).filter(|location| !location.is_empty());
        let place =
            location.as_deref().map(|location| Place::of(location, &config.map_url)).unwrap_or_default();
        let timing = Timing::of(event, now);
        let (title, text) = (title(event), description.whole.to_text());
        let texts =
            EntryTexts { title: &title, place: location.as_deref(), description: &text, url: url.as_deref() };
        let calendar = ForCalendars::of(config.calendar, kind, event, &texts);
        let (entry, links) = calendar.map_or((None, None), |found| (Some(found.entry), found.links));
        let (google, outlook) = links.map(|links| (links.google, links.outlook)).unzip();
        let reservation =
            Reservation::of(kind, event, &title, location.as_deref(), place.join_url.as_deref());
        let zone = TimeZone::parse(&event.timezone);
        let fields = vec![
            ("starts_at", raw(event.starts_at, event)),
            ("ends_at", raw(event.ends_at, event)),
            ("timezone", zone.map(TimeZone::written).into()),
            ("description", text.into()),
            ("description_html", Value::safe_string(&description.whole.to_inline_html())),
            ("description_excerpt", excerpt.to_text().into()),
            ("description_excerpt_html", Value::safe_string(&excerpt.to_html())),
            ("description_has_more", (url.is_some() && description.has_more).into()),
            ("location_html", location.as_deref().map(linked).into()),
            ("join_url", place.join_url.into()),
            ("map_url", place.map_url.into()),
            ("is_past", timing.is_past.into()),
            ("days", timing.days.into()),
            ("google_calendar_url", google.into()),
            ("outlook_calendar_url", outlook.into()),
        ];
        Self { fields, reservation, is_past: timing.is_past, now, calendar: entry.map(Arc::new) }
    }

    /// Names and values of the fields.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, Value)> {
        self.fields.iter().cloned()
    }

    /// Whether there is a place of each participant for JSON-LD.
    pub fn has_json_ld(&self) -> bool {
        self.reservation.is_some()
    }

    /// The place of this participant for JSON-LD, if the event has what that needs. `name` is as mails show it.
    pub fn json_ld(&self, participant: &Participant, name: &str) -> Value {
        let of_participant = |reservation: &Reservation| {
            Value::safe_string(&reservation.of_participant(participant.id.0, name))
        };
        self.reservation.as_ref().map(of_participant).into()
    }
}

/// A time as programs write it, by the clocks of the event.
fn raw(moment: Option<DateOrTime>, event: &Event) -> Value {
    moment.and_then(|moment| Local::of(moment, event.zone())).map(iso).into()
}

/// A line with its links.
fn linked(line: &str) -> Value {
    Value::safe_string(&RichText::plain(line).to_inline_html())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::sample;

    fn facts(event: &Event) -> EventFacts {
        EventFacts::of(Kind::Created, event, &ContentConfig::default(), sample::now())
    }

    fn field(facts: &EventFacts, name: &str) -> Value {
        facts.fields().find(|(known, _)| *known == name).map(|(_, value)| value).unwrap()
    }

    #[test]
    fn long_descriptions_are_cut() {
        let event = Event { description: Some("wörd\n".repeat(1_000_000)), ..sample::full() };
        let facts = facts(&event);
        let text = |name| field(&facts, name).as_str().unwrap().to_owned();
        assert!(text("description").ends_with('…') && text("description").chars().count() <= 50_000);
        assert!(text("description_html").len() < 1_000_000);
        assert!(text("description_excerpt").chars().count() <= 600);
        assert_eq!(field(&facts, "description_has_more").as_bool(), Some(true));
    }

    #[test]
    fn a_description_without_a_page_to_read_on_is_whole() {
        let event = Event { description: Some("word ".repeat(1000)), url: None, ..sample::full() };
        let facts = facts(&event);
        assert_eq!(field(&facts, "description_has_more").as_bool(), Some(false));
        assert_eq!(field(&facts, "description_excerpt"), field(&facts, "description"));
    }

    #[test]
    fn a_place_has_its_links() {
        let with = |location: &str| facts(&Event { location: Some(location.to_owned()), ..sample::full() });
        let online = with("Zoom: https://zoom.us/j/1?a=b&c=d");
        assert_eq!(field(&online, "join_url").as_str(), Some("https://zoom.us/j/1?a=b&c=d"));
        assert!(field(&online, "map_url").is_none());
        let html = field(&online, "location_html");
        assert!(html.as_str().unwrap().contains("href=\"https://zoom.us/j/1?a=b&amp;c=d\""), "{html:?}");
        let hall = with("<Hall>, Linden Street 7");
        assert_eq!(field(&hall, "location_html").as_str(), Some("&lt;Hall&gt;, Linden Street 7"));
        assert!(
            field(&hall, "map_url").as_str().unwrap().ends_with("query=%3CHall%3E%2C%20Linden%20Street%207")
        );
        assert!(field(&with(" "), "location_html").is_none());
    }
}
