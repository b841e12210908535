//! What templates see of an event and of a participant: cleaned text, prepared so that rendering only fills it in. Every
//! field always exists; a field without a value is none, never undefined. What a message carries is left to `message`.

use tera::{Map, Value};
use url::Url;

use crate::content::dates::EventTime;
use crate::content::layout;
use crate::domain::event::Event;
use crate::domain::ids::EventId;
use crate::domain::participant::Participant;
use crate::text::clean::{cut, one_line};
use crate::text::links::may_become_link;

pub(crate) mod message;
pub(crate) mod sender;

/// Longest title, location and name, in characters: longer ones are not meant.
const LINE_MAX: usize = 300;

/// Longest description, in characters. Every mail has it twice, and relays rarely accept more than 10 MB.
const DESCRIPTION_MAX: usize = 50_000;

/// Longest web address of an event, in bytes. Longer ones do not work in all browsers.
pub(crate) const URL_MAX: usize = 2000;

/// The variables that a template may use.
pub(crate) const VARIABLES: [&str; 17] = [
    "event",
    "participant",
    "kind",
    "note",
    "note_html",
    "reason",
    "metadata",
    "notice",
    "payload",
    "meta",
    "brand",
    "contact",
    "contact_url",
    "takes_replies",
    "postal_address",
    "footer_text",
    "footer_text_html",
];

/// The one that is not the same for all mails of a notification.
pub(crate) const PERSONAL: &str = "participant";

/// The fields of `event`.
pub(crate) const EVENT: [&str; 12] = [
    "id",
    "title",
    "description",
    "description_html",
    "location",
    "url",
    "when",
    "date",
    "time",
    "day",
    "month",
    "all_day",
];

/// The fields of `notice`.
pub(crate) const NOTICE: [&str; 7] =
    ["title", "message", "message_html", "preview", "url", "type", "priority"];

/// The fields of `participant`. Without the address, so that no template can leak it.
pub(crate) const PARTICIPANT: [&str; 3] = ["id", "name", "locale"];

/// The value of `event`. Tera keeps maps and longer strings behind an `Arc`, so that a clone copies nothing.
pub(crate) fn event(event: &Event) -> Value {
    let description = layout::paragraphs(event.description.as_deref().unwrap_or_default());
    let description = cut(description, DESCRIPTION_MAX);
    let when = EventTime::of(event);
    let of_when = |field: fn(&EventTime) -> &String| when.as_ref().map(|when| field(when).as_str());
    map([
        ("id", id(event.id)),
        ("title", title(event).into()),
        ("description_html", Value::safe_string(&layout::to_html(&description))),
        ("description", description.into()),
        ("location", line_or_none(event.location.as_deref())),
        ("url", event.url.as_deref().and_then(web_address).into()),
        ("when", of_when(|when| &when.when).into()),
        ("date", of_when(|when| &when.date).into()),
        ("time", of_when(|when| &when.time).into()),
        ("day", of_when(|when| &when.day).into()),
        ("month", of_when(|when| &when.month).into()),
        ("all_day", when.as_ref().is_some_and(|when| when.all_day).into()),
    ])
}

/// A number, or text: `events/{{ event.id }}` works with both.
fn id(id: EventId) -> Value {
    match id {
        EventId::Number(number) => number.into(),
        EventId::Text(key) => one_line(key.as_str()).into(),
    }
}

/// The value of `participant`.
pub(crate) fn participant(participant: &Participant) -> Value {
    map([
        ("id", participant.id.0.into()),
        ("name", name(participant).into()),
        ("locale", line_or_none(participant.locale.as_deref())),
    ])
}

/// Empty when it could become a link: every mail shows it, and anyone can choose it.
fn name(participant: &Participant) -> String {
    let name = line(&participant.name);
    if may_become_link(&name) { String::new() } else { name }
}

fn title(event: &Event) -> String {
    let title = line(&event.title);
    if title.is_empty() { format!("Event {}", event.id) } else { title }
}

/// One line of at most [`LINE_MAX`] characters.
fn line(text: &str) -> String {
    cut(one_line(text), LINE_MAX)
}

/// One line, or none when it is empty.
fn line_or_none(text: Option<&str>) -> Value {
    text.map(line).filter(|line| !line.is_empty()).into()
}

/// A web address that may become a link: http or https only, not `javascript:` for one. A long address is dropped and
/// not cut: a part of it would lead elsewhere.
pub(crate) fn web_address(url: &str) -> Option<String> {
    let url = Url::parse(url.trim()).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.as_str().len() <= URL_MAX).then(|| url.into())
}

fn map<const N: usize>(fields: [(&'static str, Value); N]) -> Value {
    let map: Map = fields.into_iter().map(|(name, value)| (name.into(), value)).collect();
    map.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::sample;

    fn names(value: &Value) -> Vec<String> {
        let mut names: Vec<String> = value.as_map().unwrap().keys().map(ToString::to_string).collect();
        names.sort();
        names
    }

    #[test]
    fn the_lists_name_all_fields() {
        for given in [sample::full(), sample::all_day(), sample::bare()] {
            let mut expected = EVENT.map(str::to_owned);
            expected.sort();
            assert_eq!(names(&event(&given)), expected);
        }
        let mut expected = PARTICIPANT.map(str::to_owned);
        expected.sort();
        assert_eq!(names(&participant(&sample::ada())), expected);
    }

    #[test]
    fn long_texts_are_cut() {
        let long = "wörd\n".repeat(1_000_000);
        let of_event = event(&Event {
            title: long.clone(),
            description: Some(long.clone()),
            location: Some(long.clone()),
            url: Some(format!("https://example.org/{}", "x".repeat(URL_MAX))),
            ..sample::full()
        });
        let of_participant =
            participant(&Participant { name: long.clone(), locale: Some(long), ..sample::ada() });
        let field = |value: &Value, name: &'static str| value.as_map().unwrap()[&name.into()].clone();
        for (value, name, max) in [
            (&of_event, "title", LINE_MAX),
            (&of_event, "location", LINE_MAX),
            (&of_event, "description", DESCRIPTION_MAX),
            (&of_participant, "name", LINE_MAX),
            (&of_participant, "locale", LINE_MAX),
        ] {
            let text = field(value, name);
            let text = text.as_str().unwrap();
            assert!(text.ends_with('…') && text.chars().count() <= max, "{name}: {}", text.len());
        }
        let html = field(&of_event, "description_html");
        assert!(html.as_str().unwrap().len() < 20 * DESCRIPTION_MAX);
        assert!(field(&of_event, "url").is_none(), "an address does not work in part");
    }

    #[test]
    fn only_web_addresses_become_links() {
        assert_eq!(web_address(" https://example.org/a b "), Some("https://example.org/a%20b".to_owned()));
        assert_eq!(web_address("HTTP://EXAMPLE.org"), Some("http://example.org/".to_owned()));
        for other in
            ["javascript:alert(1)", "mailto:a@example.org", "/events/1", "example.org", "", "https://"]
        {
            assert_eq!(web_address(other), None, "{other}");
        }
    }
}
