//! What calendars get of an event: an entry that they add, change or remove (RFC 5545, 5546), and links that add one on the web. Made
//! once for all mails of a notification; sender and recipient are added by the channel.

pub(crate) mod content_lines;
pub(crate) mod links;
pub(crate) mod span;
mod time_zone;
mod zone_rules;

use crate::config::content::calendar::CalendarMode;
use crate::content::calendar::content_lines::ContentLines;
use crate::content::calendar::links::CalendarLinks;
use crate::content::calendar::span::Span;
use crate::content::calendar::time_zone::Times;
use crate::domain::calendar_entry::{CalendarEntry, CalendarMethod};
use crate::domain::event::Event;
use crate::domain::kind::Kind;
use crate::text::clean::cut;

/// Longest description, in characters. Every mail has it four times, and the page of the event has the rest.
const DESCRIPTION_MAX: usize = 1500;

/// Identifies fanmail (RFC 5545 section 3.7.3).
const PRODUCT: &str = "-//fanmail//fanmail//EN";

/// What the mails of a notification have for calendars.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ForCalendars {
    /// The event as an entry.
    pub entry: CalendarEntry,
    /// Links that add it; there are none for an event that does not take place.
    pub links: Option<CalendarLinks>,
}

/// What an event says, cleaned.
#[derive(Debug)]
pub(crate) struct EntryTexts<'a> {
    /// One line, not empty.
    pub title: &'a str,
    /// One line.
    pub place: Option<&'a str>,
    /// Plain text with its line breaks.
    pub description: &'a str,
    /// Its page, as an http or https address.
    pub url: Option<&'a str>,
}

impl ForCalendars {
    /// `None` where calendars get nothing: for an event without a start, for one.
    pub fn of(mode: CalendarMode, kind: Kind, event: &Event, texts: &EntryTexts<'_>) -> Option<Self> {
        let method = method(mode, kind)?;
        let span = Span::of(event)?;
        let is_cancelled = kind == Kind::Cancelled;
        let links = (!is_cancelled).then(|| CalendarLinks::new(&span, texts.title, texts.place, texts.url));
        let entry =
            CalendarEntry { method, event_id: event.id, lines: lines(method, is_cancelled, &span, texts) };
        Some(Self { entry, links })
    }
}

/// What a notification of such a kind asks of calendars.
fn method(mode: CalendarMode, kind: Kind) -> Option<CalendarMethod> {
    let is_cancelled = match kind {
        Kind::Created | Kind::Updated | Kind::Reminder => false,
        Kind::Cancelled => true,
        // A route may mean anything.
        Kind::Notice | Kind::Routed => return None,
    };
    match mode {
        CalendarMode::Request if is_cancelled => Some(CalendarMethod::Cancel),
        CalendarMode::Request => Some(CalendarMethod::Request),
        CalendarMode::Publish => Some(CalendarMethod::Publish),
        CalendarMode::Off => None,
    }
}

/// The lines of an entry that are the same for all recipients.
fn lines(method: CalendarMethod, is_cancelled: bool, span: &Span, texts: &EntryTexts<'_>) -> String {
    let times = Times::of(span);
    let mut lines = ContentLines::default();
    lines.line(&["BEGIN:VCALENDAR"]);
    lines.line(&["PRODID:", PRODUCT]);
    lines.line(&["VERSION:2.0"]);
    // Of the calendar, not of the event: within VEVENT, it makes some calendars add a second entry.
    lines.line(&["METHOD:", method.as_str()]);
    times.write_component(&mut lines);
    lines.line(&["BEGIN:VEVENT"]);
    lines.line(&["STATUS:", if is_cancelled { "CANCELLED" } else { "CONFIRMED" }]);
    times.write(span, &mut lines);
    write_texts(texts, &mut lines);
    lines.finish()
}

fn write_texts(texts: &EntryTexts<'_>, lines: &mut ContentLines) {
    lines.text("SUMMARY", texts.title);
    if let Some(place) = texts.place {
        lines.text("LOCATION", place);
    }
    let description = cut(texts.description, DESCRIPTION_MAX);
    // Not every calendar shows URL.
    let url_in_text = texts.url.filter(|url| !description.contains(url)).unwrap_or_default();
    let description = [description.as_str(), url_in_text].join("\n\n");
    if !description.trim().is_empty() {
        lines.text("DESCRIPTION", description.trim());
    }
    if let Some(url) = texts.url {
        lines.line(&["URL:", url]);
    }
}

#[cfg(test)]
mod tests;
