//! What templates see of an event and of a participant: cleaned text, prepared so that rendering only fills it in. Every
//! field always exists; a field without a value is none, never undefined. What a message carries is left to `message`.

use tera::{Map, Value};
use url::Url;

use crate::content::dates::{EventTime, Times};
use crate::content::tag::{Direction, Tag};
use crate::domain::event::Event;
use crate::domain::ids::EventId;
use crate::domain::participant::Participant;
use crate::domain::time_zone::TimeZone;
use crate::text::clean::{cut, one_line};
use crate::text::links::{may_become_link, names_user};

pub(crate) mod arguments;
pub(crate) mod changes;
pub(crate) mod event_facts;
pub(crate) mod message;
pub(crate) mod sender;

/// Longest title, location and name, in characters: longer ones are not meant.
const LINE_MAX: usize = 300;

/// Longest web address of an event, in bytes. Longer ones do not work in all browsers.
pub(crate) const URL_MAX: usize = 2000;

/// The variables that a template may use.
pub(crate) const VARIABLES: [&str; 27] = [
    "event",
    "participant",
    "kind",
    CALENDAR,
    "note",
    "note_html",
    "reason",
    METADATA,
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
    "changes",
    "changed",
    "was",
    JSON_LD,
    OWN_TIME,
    UNSUBSCRIBE_URL,
    TEXT,
    "greeting",
    "locale",
];

/// What the mail carries for calendars.
pub(crate) const CALENDAR: &str = "calendar";

/// The publisher's own fields.
pub(crate) const METADATA: &str = "metadata";

/// The texts in the language of the mail, by their names.
pub(crate) const TEXT: &str = "text";

/// Those that are not the same for all mails of a notification in one language.
pub(crate) const PERSONAL: [&str; 5] = ["participant", "greeting", JSON_LD, OWN_TIME, UNSUBSCRIBE_URL];

/// Those that are not the same in all languages. A template that has none of them has its words in it.
pub(crate) const OF_LANGUAGE: [&str; 3] = [TEXT, "greeting", "locale"];

/// The fields of `locale`.
pub(crate) const LOCALE: [&str; 6] = ["lang", "dir", "words_dir", "start", "end", "dates"];

/// The participant's place as JSON-LD, which few templates of one's own use.
pub(crate) const JSON_LD: &str = "json_ld";

/// The time of the event by the participant's own clocks.
pub(crate) const OWN_TIME: &str = "own_time";

/// Where the participant says that they want no more such mails.
pub(crate) const UNSUBSCRIBE_URL: &str = "unsubscribe_url";

/// The fields of `event`.
pub(crate) const EVENT: [&str; 29] = [
    "id",
    "title",
    "description",
    "description_html",
    "description_excerpt",
    "description_excerpt_html",
    "description_has_more",
    "location",
    "location_html",
    "join_url",
    "map_url",
    "url",
    "starts_at",
    "ends_at",
    "timezone",
    "when",
    "short_when",
    "date",
    "short_date",
    "time",
    "day",
    "month",
    "last_day",
    "last_month",
    "all_day",
    "days",
    "is_past",
    "google_calendar_url",
    "outlook_calendar_url",
];

/// The fields of `notice`.
pub(crate) const NOTICE: [&str; 7] =
    ["title", "message", "message_html", "preview", "url", "type", "priority"];

/// The fields of `participant`. Without the address, so that no template can leak it.
pub(crate) const PARTICIPANT: [&str; 4] = ["id", "name", "locale", "timezone"];

/// The value of `event`, with `facts` of it that are the same in all languages. Tera keeps maps and longer strings behind an
/// `Arc`, so that a clone copies nothing.
pub(crate) fn event(
    event: &Event,
    facts: impl Iterator<Item = (&'static str, Value)>,
    times: &Times,
) -> Value {
    let when = EventTime::of(event, times);
    let of_when = |field: fn(&EventTime) -> &String| when.as_ref().map(|when| field(when).as_str());
    let last = when.as_ref().and_then(|when| when.last.as_ref());
    let fields = [
        ("id", id(event.id)),
        ("title", title(event).into()),
        ("location", line_or_none(event.location.as_deref())),
        ("url", event.url.as_deref().and_then(web_address).into()),
        ("when", of_when(|when| &when.when).into()),
        ("short_when", of_when(|when| &when.short).into()),
        ("date", of_when(|when| &when.date).into()),
        ("short_date", of_when(|when| &when.short_date).into()),
        ("time", of_when(|when| &when.time).into()),
        ("day", of_when(|when| &when.day).into()),
        ("month", of_when(|when| &when.month).into()),
        ("last_day", last.map(|(day, _)| day.as_str()).into()),
        ("last_month", last.map(|(_, month)| month.as_str()).into()),
        ("all_day", when.as_ref().is_some_and(|when| when.all_day).into()),
    ];
    let fields = fields.into_iter().chain(facts).map(|(name, value)| (name.into(), value));
    fields.collect::<Map>().into()
}

/// A number, or text: `events/{{ event.id }}` works with both.
fn id(id: EventId) -> Value {
    match id {
        EventId::Number(number) => number.into(),
        EventId::Text(key) => one_line(key.as_str()).into(),
    }
}

/// The value of `participant`, whose name is this one.
pub(crate) fn participant(participant: &Participant, name: &str) -> Value {
    let zone = participant.timezone.as_deref().and_then(TimeZone::parse);
    map([
        ("id", participant.id.0.into()),
        ("name", name.into()),
        ("locale", line_or_none(participant.locale.as_deref())),
        ("timezone", zone.map(TimeZone::written).into()),
    ])
}

/// The name of a participant. Empty when it could become a link: every mail shows it, and anyone can choose it.
pub(crate) fn name(participant: &Participant) -> String {
    let name = line(&participant.name);
    if may_become_link(&name) { String::new() } else { name }
}

/// On one line, never empty.
pub(crate) fn title(event: &Event) -> String {
    let title = line(&event.title);
    if title.is_empty() { format!("Event {}", event.id) } else { title }
}

/// One line of at most [`LINE_MAX`] characters.
pub(crate) fn line(text: &str) -> String {
    cut(one_line(text), LINE_MAX)
}

/// One line, or none when it is empty.
fn line_or_none(text: Option<&str>) -> Value {
    text.map(line).filter(|line| !line.is_empty()).into()
}

/// A web address that may become a link: http or https only, not `javascript:` for one, and without a user name: mails show passwords to
/// everyone, and `https://bank.example@evil.example` leads to evil.example. A long address is dropped and not cut: a part of it would lead
/// elsewhere.
pub(crate) fn web_address(url: &str) -> Option<String> {
    let url = Url::parse(url.trim()).ok()?;
    let may_be_link = matches!(url.scheme(), "http" | "https") && !names_user(&url);
    (may_be_link && url.as_str().len() <= URL_MAX).then(|| url.into())
}

/// The value of `locale`: what HTML needs to know of the language of the words, of that of the dates, and of the layout.
pub(crate) fn locale(language: Tag, dates: Tag, layout: Direction) -> Value {
    let (start, end) = match layout {
        Direction::LeftToRight => ("left", "right"),
        Direction::RightToLeft => ("right", "left"),
    };
    map([
        ("lang", language.to_string().into()),
        ("dir", layout.as_str().into()),
        ("words_dir", language.direction().as_str().into()),
        ("start", start.into()),
        ("end", end.into()),
        ("dates", dates.to_string().into()),
    ])
}

/// A value with these fields.
pub(crate) fn map<const N: usize>(fields: [(&'static str, Value); N]) -> Value {
    let map: Map = fields.into_iter().map(|(name, value)| (name.into(), value)).collect();
    map.into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::content::ContentConfig;
    use crate::content::locales::Locales;
    use crate::content::sample;
    use crate::content::view::event_facts::EventFacts;
    use crate::domain::kind::Kind;

    fn value(given: &Event) -> Value {
        let facts = EventFacts::of(Kind::Created, given, &ContentConfig::default(), sample::now());
        let locales = Locales::new(Vec::new(), Vec::new(), &ContentConfig::default()).unwrap();
        event(given, facts.fields(), &locales.locale(Tag::ENGLISH).times)
    }

    fn names(value: &Value) -> BTreeSet<String> {
        value.as_map().unwrap().keys().map(ToString::to_string).collect()
    }

    #[test]
    fn the_lists_name_all_fields() {
        for given in [sample::full(), sample::all_day(), sample::bare()] {
            assert_eq!(names(&value(&given)), EVENT.map(str::to_owned).into());
        }
        assert_eq!(names(&participant(&sample::ada(), "Ada")), PARTICIPANT.map(str::to_owned).into());
    }

    #[test]
    fn long_texts_are_cut() {
        let long = "wörd\n".repeat(1_000_000);
        let of_event = value(&Event {
            title: long.clone(),
            location: Some(long.clone()),
            url: Some(format!("https://example.org/{}", "x".repeat(URL_MAX))),
            ..sample::full()
        });
        let long = Participant { name: long.clone(), locale: Some(long), ..sample::ada() };
        let of_participant = participant(&long, &name(&long));
        let field = |value: &Value, name: &'static str| value.as_map().unwrap()[&name.into()].clone();
        for (value, name, max) in [
            (&of_event, "title", LINE_MAX),
            (&of_event, "location", LINE_MAX),
            (&of_participant, "name", LINE_MAX),
            (&of_participant, "locale", LINE_MAX),
        ] {
            let text = field(value, name);
            let text = text.as_str().unwrap();
            assert!(text.ends_with('…') && text.chars().count() <= max, "{name}: {}", text.len());
        }
        assert!(field(&of_event, "url").is_none(), "an address does not work in part");
    }

    #[test]
    fn only_web_addresses_become_links() {
        assert_eq!(web_address(" https://example.org/a b "), Some("https://example.org/a%20b".to_owned()));
        assert_eq!(web_address("HTTP://EXAMPLE.org"), Some("http://example.org/".to_owned()));
        for other in [
            "javascript:alert(1)",
            "mailto:a@example.org",
            "/events/1",
            "example.org",
            "",
            "https://",
            "https://ann:secret@example.org/",
            "https://bank.example@evil.example",
            "https:ann@example.org",
        ] {
            assert_eq!(web_address(other), None, "{other}");
        }
    }
}
