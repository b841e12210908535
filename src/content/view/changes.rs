//! What templates see of what has changed since people were last told of the event. What counts as a change is left to
//! `content::changes`.

use tera::{Map, Value};

use crate::content::changes::{Field, changed_fields};
use crate::content::dates::Times;
use crate::content::lists;
use crate::content::text::Form;
use crate::content::view;
use crate::content::words::Words;
use crate::domain::event::Event;
use crate::domain::notification_facts::NotificationFacts;

/// The fields of `changed` and of `was`.
pub(crate) const CHANGED: [&str; 6] = ["when", "time_zone", "location", "title", "url", "description"];

/// The variables of what has changed.
pub(crate) type Variables = [(&'static str, Value); 3];

/// What has changed, most important first.
#[derive(Debug)]
pub(crate) struct Changes(Vec<Change>);

impl Changes {
    /// What has changed since the last notification about an event that templates see as `new`. Nothing if that is not to be told.
    pub fn of(facts: &NotificationFacts, new: &Value, times: &Times) -> Self {
        let (Some(previous), Some(event)) = (&facts.previous, &facts.event) else { return Self(Vec::new()) };
        let then = previous.event(event.id);
        let old = view::event(&then, std::iter::empty(), times);
        let change = |field| Change {
            field,
            old: old_text(field, &then, &old, new),
            new: text(field, event, new),
            is_gone: is_gone(field, event, new),
        };
        Self(changed_fields(previous, event).into_iter().map(change).collect())
    }

    /// For templates: all of them as a list, whether each field has changed, and what each was.
    pub fn variables(&self) -> Variables {
        let changed: Map =
            CHANGED.iter().map(|name| ((*name).into(), self.find(name).is_some().into())).collect();
        let old = |name| self.find(name).map_or_else(Value::none, |change| change.old.clone());
        let was: Map = CHANGED.iter().map(|name| ((*name).into(), old(name))).collect();
        let list: Vec<Value> = self.0.iter().map(Change::view).collect();
        [("changes", list.into()), ("changed", changed.into()), ("was", was.into())]
    }

    /// In words, such as "New time and new place."; empty if nothing has changed.
    pub fn sentences(&self, words: &Words) -> String {
        // The time says the zone, too.
        let is_told =
            |change: &&Change| change.field != Field::TimeZone || self.find(Field::When.as_str()).is_none();
        let told = || self.0.iter().filter(is_told);
        let new: Vec<String> = told()
            .filter(|change| !change.is_gone)
            .map(|change| format!("changed_{}", change.field.as_str()))
            .collect();
        let mut list = Some(&new);
        let sentence = |change: &Change| {
            if change.is_gone {
                let name = format!("changed_no_{}", change.field.as_str());
                return Some(words.write(&name, Form::Plain, |_| None));
            }
            // All that is new is one sentence, in the place of the most important.
            list.take().map(|new| list_of(new, words))
        };
        let sentences: Vec<String> = told().filter_map(sentence).collect();
        sentences.join(" ")
    }

    fn find(&self, name: &str) -> Option<&Change> {
        self.0.iter().find(|change| change.field.as_str() == name)
    }
}

/// A sentence with the texts of these names.
fn list_of(names: &[String], words: &Words) -> String {
    let texts: Vec<String> = names.iter().map(|name| words.write(name, Form::Plain, |_| None)).collect();
    let language = names.first().map_or(words.language, |name| words.language_of(name));
    let list = lists::capitalised(language, &lists::and(language, &texts));
    words.write("changed_list", Form::Plain, |_| Some(&list))
}

/// One thing that has changed.
#[derive(Debug)]
struct Change {
    field: Field,
    old: Value,
    new: Value,
    /// Whether the event does not have it any more.
    is_gone: bool,
}

impl Change {
    fn view(&self) -> Value {
        let Self { field, old, new, .. } = self;
        let fields = [("field", field.as_str().into()), ("old", old.clone()), ("new", new.clone())];
        fields.into_iter().map(|(name, value)| (name.into(), value)).collect::<Map>().into()
    }
}

/// The old value as it is written beside the new one: on the same day, the clocks alone.
fn old_text(field: Field, then: &Event, old: &Value, new: &Value) -> Value {
    let is_same_day = value(old, "date") == value(new, "date");
    let time = value(old, "time");
    match field {
        Field::When if is_same_day && time.as_str().is_some_and(|time| !time.is_empty()) => time,
        _ => text(field, then, old),
    }
}

/// Whether the event has nothing in this field.
fn is_gone(field: Field, event: &Event, view: &Value) -> bool {
    match field {
        Field::Description => event.description.as_deref().is_none_or(|text| text.trim().is_empty()),
        _ => text(field, event, view).is_none(),
    }
}

/// Nothing of a description: it may be long.
fn text(field: Field, event: &Event, view: &Value) -> Value {
    match field {
        Field::TimeZone => zone(event).into(),
        Field::Description => Value::none(),
        Field::Title | Field::When | Field::Location | Field::Url => value(view, field.as_str()),
    }
}

fn zone(event: &Event) -> String {
    let zone = event.zone();
    zone.name().map_or_else(|| zone.local(chrono::DateTime::UNIX_EPOCH).1, str::to_owned)
}

fn value(map: &Value, name: &'static str) -> Value {
    map.as_map().and_then(|map| map.get(&name.into())).cloned().unwrap_or_else(Value::none)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::content::ContentConfig;
    use crate::content::locales::Locales;
    use crate::content::sample;
    use crate::content::tag::{Direction, Tag};
    use crate::content::texts::Texts;
    use crate::domain::event_snapshot::EventSnapshot;
    use crate::domain::kind::Kind;
    use crate::domain::times;

    fn changes(change: impl Fn(&mut Event)) -> Changes {
        let mut new = sample::full();
        change(&mut new);
        let locales = Locales::new(Vec::new(), Vec::new(), &ContentConfig::default()).unwrap();
        let times = &locales.locale(Tag::ENGLISH).times;
        let seen = view::event(&new, std::iter::empty(), times);
        let previous = Some(EventSnapshot::of(&sample::full()));
        Changes::of(
            &NotificationFacts { previous, ..NotificationFacts::of_event(Kind::Updated, new) },
            &seen,
            times,
        )
    }

    fn json(changes: &Changes) -> serde_json::Value {
        let fields =
            changes.variables().map(|(name, value)| (name.to_owned(), serde_json::to_value(value).unwrap()));
        serde_json::Value::Object(fields.into_iter().collect())
    }

    #[test]
    fn each_change_has_its_old_and_its_new_value() {
        let seen = json(&changes(|event| {
            event.location = Some("The park".to_owned());
            event.starts_at = times::parse("2026-12-24 16:30");
            event.description = None;
        }));
        assert_eq!(
            seen["changes"],
            serde_json::json!([
                {
                    "field": "when",
                    "old": "18:00 to 20:00 (Berlin time, UTC+1)",
                    "new": "Thursday, 24 December 2026, 17:30 to 20:00 (Berlin time, UTC+1)",
                },
                {"field": "location", "old": "St. Michael's Hall, Linden Street 7, Berlin", "new": "The park"},
                {"field": "description", "old": null, "new": null},
            ])
        );
        assert_eq!((&seen["changed"]["when"], &seen["changed"]["title"]), (&true.into(), &false.into()));
        assert_eq!(seen["was"]["title"], serde_json::Value::Null);
        assert_eq!(seen["was"]["location"], "St. Michael's Hall, Linden Street 7, Berlin");
    }

    #[test]
    fn another_day_is_written_whole() {
        let seen = json(&changes(|event| event.starts_at = times::parse("2026-12-23 17:00")));
        assert_eq!(seen["was"]["when"], "Thursday, 24 December 2026, 18:00 to 20:00 (Berlin time, UTC+1)");
    }

    #[test]
    fn a_zone_is_named() {
        let seen = json(&changes(|event| event.timezone = "+02:00".to_owned()));
        assert_eq!(seen["was"]["time_zone"], "Europe/Berlin");
        assert_eq!(seen["changes"][1]["new"], "UTC+02:00");
    }

    #[test]
    fn every_field_always_exists() {
        let nothing = json(&changes(|_| {}));
        for name in CHANGED {
            assert_eq!(nothing["changed"][name], false);
            assert!(nothing["was"].as_object().unwrap().contains_key(name));
        }
        assert_eq!(nothing["changes"], serde_json::json!([]));
    }

    #[test]
    fn all_changes_are_said_in_every_language() {
        let everything = |event: &mut Event| {
            event.ends_at = None;
            event.location = Some("x".to_owned());
            event.title = "x".to_owned();
            event.url = Some("https://example.org".to_owned());
            event.description = Some("x".to_owned());
        };
        let zone = |event: &mut Event| event.timezone = "Europe/Paris".to_owned();
        for (texts, expected) in Texts::built_in().unwrap().iter().zip([
            ["New time, new place, new title, new web page and new description.", "New time zone."],
            ["Neue Zeit, neuer Ort, neuer Titel, neue Webseite und neue Beschreibung.", "Neue Zeitzone."],
            [
                "Nouvel horaire, nouveau lieu, nouveau titre, nouvelle page web et nouvelle description.",
                "Nouveau fuseau horaire.",
            ],
            [
                "Nuevo horario, nuevo lugar, nuevo título, nueva página web y nueva descripción.",
                "Nueva zona horaria.",
            ],
        ]) {
            let words = Words::new(texts.tag, Direction::LeftToRight, [texts]);
            let sentences = |change: fn(&mut Event)| changes(change).sentences(&words);
            assert_eq!([sentences(everything), sentences(zone)], expected);
            let gone = sentences(|event| {
                (event.starts_at, event.location) = (None, None);
                (event.url, event.description) = (None, None);
            });
            assert_eq!(gone.matches('.').count(), 4, "{gone}");
        }
    }

    #[test]
    fn what_is_gone_is_not_called_new() {
        let texts = Texts::built_in().unwrap();
        let words = Words::new(Tag::ENGLISH, Direction::LeftToRight, [&texts[0]]);
        let sentence = |change: fn(&mut Event)| changes(change).sentences(&words);
        assert_eq!(
            sentence(|event| (event.starts_at, event.ends_at) = (None, None)),
            "The time is not fixed any more."
        );
        assert_eq!(
            sentence(|event| (event.location, event.ends_at) = (None, None)),
            "New time. The place is not fixed any more."
        );
        assert_eq!(
            sentence(|event| (event.location, event.starts_at) = (Some("x".to_owned()), None)),
            "The time is not fixed any more. New place."
        );
        assert_eq!(
            sentence(|event| event.url = Some("javascript:x".to_owned())),
            "There is no web page any more."
        );
        assert_eq!(
            sentence(|event| event.description = Some(" ".to_owned())),
            "There is no description any more."
        );
    }
}
