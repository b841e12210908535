//! What templates see of what has changed since people were last told of the event. What counts as a change is left to
//! `content::changes`.

use tera::{Map, Value};

use crate::content::changes::shown::Moved;
use crate::content::changes::{Field, changed_fields, moved};
use crate::content::dates::Times;
use crate::content::lists;
use crate::content::text::Form;
use crate::content::view;
use crate::content::words::Words;
use crate::domain::event::Event;
use crate::domain::notification_facts::NotificationFacts;

/// The fields of `changed` and of `was`.
pub(crate) const CHANGED: [&str; 8] =
    [WHEN, START, DATE, TIME_ZONE, "location", "title", "url", "description"];

const WHEN: &str = "when";
const TIME_ZONE: &str = "time_zone";
/// When it begins, and on which day: parts of what `when` is.
const START: &str = "start";
const DATE: &str = "date";

/// The variables of what has changed.
pub(crate) type Variables = [(&'static str, Value); 3];

/// What has changed.
#[derive(Debug)]
pub(crate) struct Changes {
    /// Most important first.
    list: Vec<Change>,
    /// What of the time has changed, if it has.
    moved: Moved,
    /// When it was; when it began, as subjects say it; the day.
    old_time: [Value; 3],
}

impl Changes {
    /// What has changed since the last notification about an event that templates see as `new`. Nothing if that is not to be told.
    pub fn of(facts: &NotificationFacts, new: &Value, times: &Times) -> Self {
        let (Some(previous), Some(event)) = (&facts.previous, &facts.event) else { return Self::none() };
        let then = previous.event(event.id);
        let old = view::event(&then, std::iter::empty(), times);
        let change = |field| Change {
            field,
            old: old_text(field, &then, &old, new),
            new: text(field, event, new),
            is_gone: is_gone(field, event, new),
        };
        let list: Vec<Change> = changed_fields(previous, event).into_iter().map(change).collect();
        let has_moved = list.iter().any(|change| change.field == Field::When);
        let moved = if has_moved { moved(previous, event) } else { Moved::default() };
        let when = old_text(Field::When, &then, &old, new);
        Self { list, moved, old_time: [when, value(&old, "short_when"), value(&old, "date")] }
    }

    fn none() -> Self {
        Self { list: Vec::new(), moved: Moved::default(), old_time: [(); 3].map(|()| Value::none()) }
    }

    /// For templates: all of them as a list, whether each field has changed, and what each was.
    pub fn variables(&self) -> Variables {
        let [when, start, date] = &self.old_time;
        let is_changed = |name: &str| match name {
            START => self.moved.start,
            DATE => self.moved.date,
            _ => self.find(name).is_some(),
        };
        let old = |name: &str| match name {
            START if self.moved.start => start.clone(),
            DATE if self.moved.date => date.clone(),
            // Other clocks show another time, also at the same instant.
            WHEN if self.find(TIME_ZONE).is_some() => when.clone(),
            _ => self.find(name).map_or_else(Value::none, |change| change.old.clone()),
        };
        let changed: Map = CHANGED.iter().map(|name| ((*name).into(), is_changed(name).into())).collect();
        let was: Map = CHANGED.iter().map(|name| ((*name).into(), old(name))).collect();
        let list: Vec<Value> = self.list.iter().map(Change::view).collect();
        [("changes", list.into()), ("changed", changed.into()), ("was", was.into())]
    }

    /// In words, such as "New time and new place."; empty if nothing has changed.
    pub fn sentences(&self, words: &Words) -> String {
        // The time says the zone, too.
        let is_told =
            |change: &&Change| change.field != Field::TimeZone || self.find(Field::When.as_str()).is_none();
        let told = || self.list.iter().filter(is_told);
        let name = |change: &Change| match change.field {
            Field::When if self.moved.date => DATE,
            field => field.as_str(),
        };
        let new: Vec<String> = told()
            .filter(|change| !change.is_gone)
            .map(|change| format!("changed_{}", name(change)))
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
        self.list.iter().find(|change| change.field.as_str() == name)
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
mod tests;
