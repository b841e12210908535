//! What the templates see of an event and of a participant: cleaned, in words, and prepared so that a mail needs
//! nothing but filling in. Every field is always there; one without a value is none, never undefined.

use tera::{Map, Value};
use url::Url;

use super::dates::When;
use super::text;
use crate::domain::event::Event;
use crate::domain::participant::Participant;
use crate::domain::text::one_line;

/// The variables that a template may use.
pub(super) const VARIABLES: [&str; 3] = ["event", "participant", "kind"];

/// The fields of `event`.
pub(super) const EVENT: [&str; 11] = [
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
];

/// The fields of `participant`. The address is not among them: nothing in a template may leak it.
pub(super) const PARTICIPANT: [&str; 3] = ["id", "name", "locale"];

/// The value of `event`. Tera keeps maps and longer strings behind an `Arc`, so that a clone copies nothing.
pub(super) fn event(event: &Event) -> Value {
    let description = text::paragraphs(event.description.as_deref().unwrap_or_default());
    let when = When::of(event);
    let of_when = |field: fn(&When) -> &String| when.as_ref().map(|when| field(when).as_str());
    map([
        ("id", event.id.into()),
        ("title", title(event).into()),
        ("description_html", Value::safe_string(&text::to_html(&description))),
        ("description", description.into()),
        ("location", filled(event.location.as_deref())),
        ("url", event.url.as_deref().and_then(web_address).into()),
        ("when", when.as_ref().map(|when| format!("{}, {}", when.date, when.time)).into()),
        ("date", of_when(|when| &when.date).into()),
        ("time", of_when(|when| &when.time).into()),
        ("day", of_when(|when| &when.day).into()),
        ("month", of_when(|when| &when.month).into()),
    ])
}

/// The value of `participant`.
pub(super) fn participant(participant: &Participant) -> Value {
    map([
        ("id", participant.id.into()),
        ("name", one_line(&participant.name).into()),
        ("locale", filled(participant.locale.as_deref())),
    ])
}

fn title(event: &Event) -> String {
    let title = one_line(&event.title);
    if title.is_empty() { format!("Event {}", event.id) } else { title }
}

/// One line, or none when nothing is in it.
fn filled(text: Option<&str>) -> Value {
    text.map(one_line).filter(|line| !line.is_empty()).into()
}

/// Only http and https become links: anything else, `javascript:` for one, has no business in a mail.
fn web_address(url: &str) -> Option<String> {
    let url = Url::parse(url.trim()).ok()?;
    matches!(url.scheme(), "http" | "https").then(|| url.into())
}

fn map<const N: usize>(fields: [(&'static str, Value); N]) -> Value {
    let map: Map = fields.into_iter().map(|(name, value)| (name.into(), value)).collect();
    map.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::templates::sample;

    fn names(value: &Value) -> Vec<String> {
        let mut names: Vec<String> = value.as_map().unwrap().keys().map(ToString::to_string).collect();
        names.sort();
        names
    }

    #[test]
    fn the_lists_of_fields_are_what_is_there() {
        for given in [sample::full(), sample::bare()] {
            let mut expected = EVENT.map(str::to_owned);
            expected.sort();
            assert_eq!(names(&event(&given)), expected);
        }
        let mut expected = PARTICIPANT.map(str::to_owned);
        expected.sort();
        assert_eq!(names(&participant(&sample::ada())), expected);
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
