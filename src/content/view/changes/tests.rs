//! What templates see of changes, and the sentences.

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
fn another_start_or_day_is_told_as_such() {
    let seen = json(&changes(|event| event.starts_at = times::parse("2026-12-23 17:00")));
    assert_eq!((&seen["changed"]["start"], &seen["changed"]["date"]), (&true.into(), &true.into()));
    assert_eq!(seen["was"]["start"], "Thu 24 Dec, 18:00");
    assert_eq!(seen["was"]["date"], "Thursday, 24 December 2026");
    let seen = json(&changes(|event| event.ends_at = None));
    assert_eq!((&seen["changed"]["when"], &seen["changed"]["start"]), (&true.into(), &false.into()));
    assert_eq!((&seen["was"]["start"], &seen["was"]["date"]), (&().into(), &().into()));
}

#[test]
fn a_zone_is_named() {
    let seen = json(&changes(|event| event.timezone = "+02:00".to_owned()));
    assert_eq!(seen["was"]["time_zone"], "Europe/Berlin");
    assert_eq!(seen["was"]["when"], "18:00 to 20:00 (Berlin time, UTC+1)");
    assert_eq!(seen["changed"]["when"], false, "it is the same instant");
    assert_eq!(seen["changes"][0]["new"], "UTC+02:00");
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
    let everything: fn(&mut Event) = |event| {
        event.ends_at = None;
        event.location = Some("x".to_owned());
        event.title = "x".to_owned();
        event.url = Some("https://example.org".to_owned());
        event.description = Some("x".to_owned());
    };
    let zone: fn(&mut Event) = |event| event.timezone = "Europe/Paris".to_owned();
    let day: fn(&mut Event) = |event| event.starts_at = times::parse("2026-12-23 17:00");
    for (texts, expected) in Texts::built_in().unwrap().iter().zip([
        ["New time, new place, new title, new web page and new description.", "New time zone.", "New date."],
        [
            "Neue Zeit, neuer Ort, neuer Titel, neue Webseite und neue Beschreibung.",
            "Neue Zeitzone.",
            "Neuer Termin.",
        ],
        [
            "Nouvel horaire, nouveau lieu, nouveau titre, nouvelle page web et nouvelle description.",
            "Nouveau fuseau horaire.",
            "Nouvelle date.",
        ],
        [
            "Nuevo horario, nuevo lugar, nuevo título, nueva página web y nueva descripción.",
            "Nueva zona horaria.",
            "Nueva fecha.",
        ],
    ]) {
        let words = Words::new(texts.tag, Direction::LeftToRight, [texts]);
        let sentences = |change: fn(&mut Event)| changes(change).sentences(&words);
        assert_eq!([everything, zone, day].map(sentences), expected);
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
