//! Rows of files: each is added once, and updated when it says something else.

use chrono::NaiveDateTime;

use super::*;
use crate::store::source::import_rows::{EventImport, ParticipantImport, ParticipantKey, ParticipantValues};
use crate::store::source::importing::{ImportMode, Imported};
use crate::store::source::participants::find_by_ids;

const NOW: &str = "2026-11-01T10:00:00.123456";

fn at(text: &str) -> NaiveDateTime {
    text.parse().unwrap()
}

fn counts(new: u64, changed: u64, same: u64) -> Imported {
    Imported { new, changed, same }
}

fn event(id: i64) -> EventImport {
    EventImport {
        id,
        title: "Zoë's Ball \u{1f389}".to_owned(),
        description: Some(Some("Two\n\nlines".to_owned())),
        location: Some(None),
        starts_at: Some(Some(at("2026-11-21T19:00:00.123456"))),
        ends_at: None,
        timezone: Some("W. Europe Standard Time".to_owned()),
        url: None,
        updated_at: None,
    }
}

pub fn an_import_of_events_tells_new_changed_and_same(store: &Store) {
    let import = |rows: &[EventImport], mode| store.import_events(rows, at(NOW), mode).unwrap();
    let mut rows: Vec<EventImport> = [0, -1, 7, i64::MIN, 1 << 40].map(event).into();
    assert_eq!(import(&rows, ImportMode::Compare), counts(5, 0, 0));
    assert_eq!(store.find_event(EVENT).unwrap(), None, "comparing writes nothing");
    assert_eq!(import(&rows, ImportMode::Write), counts(5, 0, 0));
    assert_eq!(import(&rows, ImportMode::Write), counts(0, 0, 5));
    let ids: Vec<i64> = rows.iter().map(|row| row.id).chain([99]).collect();
    let known = store.find_known_events(&ids).unwrap();
    assert_eq!(known, ids[..5].iter().copied().collect());

    let found = store.find_event(EVENT).unwrap().unwrap();
    assert_eq!(found.updated_at, Some(DateOrTime::Time(at(NOW).and_utc())));
    assert_eq!(shown(found.starts_at).unwrap(), "2026-11-21T19:00:00.123456+00:00");
    assert_eq!((found.timezone.as_str(), &found.location), ("W. Europe Standard Time", &None));

    rows[2].description = Some(None);
    rows[2].ends_at = Some(Some(at("2026-11-21T22:00:00")));
    rows[3].starts_at = None;
    assert_eq!(import(&rows, ImportMode::Compare), counts(0, 1, 4));
    let later = at("2026-11-02T10:00:00");
    assert_eq!(store.import_events(&rows, later, ImportMode::Write).unwrap(), counts(0, 1, 4));
    let found = store.find_event(EVENT).unwrap().unwrap();
    assert_eq!(found.updated_at, Some(DateOrTime::Time(later.and_utc())));
    assert_eq!(found.description, None);
    let other = store.find_event(EventId::Number(i64::MIN)).unwrap().unwrap();
    assert!(other.starts_at.is_some(), "a column that the file does not have stays as it is");
}

fn participant(key: ParticipantKey, email: Option<&str>) -> ParticipantImport {
    let values = ParticipantValues {
        event_id: EVENT.number().unwrap(),
        email: email.map(str::to_owned),
        name: Some("Zoë".to_owned()),
        locale: Some(None),
        timezone: None,
    };
    ParticipantImport { key, values }
}

fn given(id: i64, email: Option<&str>) -> ParticipantImport {
    participant(ParticipantKey::Given(ParticipantId(id)), email)
}

pub fn an_import_of_participants_tells_new_changed_and_same(store: &Store) {
    let import = |rows: &[ParticipantImport]| store.import_participants(rows, ImportMode::Write).unwrap();
    let mut rows: Vec<ParticipantImport> =
        [0, -1, 1, i64::MIN, 1 << 40].map(|id| given(id, Some("zoe@example.com"))).into();
    assert_eq!(store.import_participants(&rows, ImportMode::Compare).unwrap(), counts(5, 0, 0));
    assert_eq!(store.count_participants(EVENT).unwrap(), 0);
    assert_eq!(import(&rows), counts(5, 0, 0));
    assert_eq!(import(&rows), counts(0, 0, 5));
    let people = store.read_page(EVENT, None, ParticipantId::MAX, 9).unwrap();
    let keys: Vec<i64> = people.iter().map(|person| person.id.0).collect();
    assert_eq!(keys, [i64::MIN, -1, 0, 1, 1 << 40]);

    rows[1].values.name = None;
    rows[2].values.email = None;
    rows[3].values.event_id = OTHER_EVENT.number().unwrap();
    rows[4].values.locale = Some(Some("de-CH".to_owned()));
    assert_eq!(import(&rows), counts(0, 3, 2));
    assert_eq!(import(&rows), counts(0, 0, 5));
    let people = store.read_page(EVENT, None, ParticipantId::MAX, 9).unwrap();
    assert_eq!((people.len(), people[0].name.as_str()), (4, "Zoë"));
    assert_eq!((people[2].email.as_deref(), people[3].locale.as_deref()), (None, Some("de-CH")));
    zones_are_imported_where_there_is_a_column_for_them(store);
}

/// Tables and views may be older than the column.
fn zones_are_imported_where_there_is_a_column_for_them(store: &Store) {
    let import = |rows: &[ParticipantImport]| store.import_participants(rows, ImportMode::Write).unwrap();
    let zones = || -> Vec<Option<String>> {
        let ids = [7, 8, 9].map(ParticipantId);
        let event = store.event_keys().unwrap().in_participants(EVENT);
        let zones = store.app_keys().unwrap().zones;
        let found = store.run("find", |connection| find_by_ids(connection, zones, event, &ids)).unwrap();
        let page = store.read_page(EVENT, Some(ParticipantId(6)), ParticipantId(9), 9).unwrap();
        assert_eq!(found, page);
        page.into_iter().map(|person| person.timezone).collect()
    };
    let with = |row: ParticipantImport, zone: Option<&str>| {
        let values = ParticipantValues { timezone: Some(zone.map(str::to_owned)), ..row.values };
        ParticipantImport { values, ..row }
    };
    let without_key = participant(ParticipantKey::None, Some("nine@example.com"));
    assert!(store.has_participant_zones().unwrap());
    let mut rows = vec![
        with(given(7, Some("seven@example.com")), Some("Europe/Paris")),
        with(given(8, Some("eight@example.com")), None),
    ];
    assert_eq!((import(&rows), import(&rows)), (counts(2, 0, 0), counts(0, 0, 2)));
    assert_eq!(import(&[with(without_key.clone(), Some("Asia/Tokyo"))]), counts(1, 0, 0));
    execute(store, "UPDATE participants SET id = 9 WHERE email = 'nine@example.com'");
    assert_eq!(zones(), [Some("Europe/Paris"), None, Some("Asia/Tokyo")].map(|zone| zone.map(str::to_owned)));
    // Another of the same address, whom the application has added meanwhile, keeps theirs.
    assert_eq!(import(&[with(without_key.clone(), Some("Europe/Rome"))]), counts(1, 0, 0));
    execute(store, "DELETE FROM participants WHERE timezone = 'Europe/Rome'");
    assert_eq!(zones(), [Some("Europe/Paris"), None, Some("Asia/Tokyo")].map(|zone| zone.map(str::to_owned)));
    rows[0] = with(given(7, Some("seven@example.com")), None);
    rows[1] = given(8, Some("eight@example.com"));
    assert_eq!((import(&rows), import(&rows)), (counts(0, 1, 1), counts(0, 0, 2)));
    assert_eq!(zones(), [None, None, Some("Asia/Tokyo".to_owned())]);

    execute(store, "ALTER TABLE participants DROP COLUMN timezone");
    assert_eq!(store.read_page(EVENT, None, ParticipantId::MAX, 99).unwrap().len(), 7);
    assert!(!store.has_participant_zones().unwrap());
    store.check_schema().unwrap();
    assert_eq!(zones(), [const { None }; 3]);
    rows[0] = given(7, Some("other@example.com"));
    assert_eq!(import(&rows), counts(0, 1, 1));
    assert_eq!(import(&[without_key]), counts(1, 0, 0));
}

pub fn an_import_without_keys_goes_by_address(store: &Store) {
    add_people(store, EVENT, 2);
    let found = |id, email| participant(ParticipantKey::Found(ParticipantId(id)), Some(email));
    let rows = [
        found(1, "p1@EXAMPLE.com"),
        // Only the hashes of both addresses are the same.
        found(2, "somebody.else@example.com"),
        // Deleted meanwhile.
        found(99, "left@example.com"),
        participant(ParticipantKey::None, Some("new@example.com")),
    ];
    assert_eq!(store.import_participants(&rows, ImportMode::Write).unwrap(), counts(3, 1, 0));
    let mut addresses: Vec<String> =
        page(store, 0, i64::MAX, 9).into_iter().filter_map(|person| person.email).collect();
    addresses.sort_unstable();
    let expected = [
        "left@example.com",
        "new@example.com",
        "p1@EXAMPLE.com",
        "p2@example.com",
        "somebody.else@example.com",
    ];
    assert_eq!(addresses, expected);
}

pub fn keys_of_an_import_are_not_chosen_again(store: &Store) {
    let rows = [
        given(1, Some("a@example.com")),
        given(2, None),
        participant(ParticipantKey::None, Some("b@example.com")),
    ];
    assert_eq!(store.import_participants(&rows, ImportMode::Write).unwrap(), counts(3, 0, 0));
    add_people(store, EVENT, 1);
    assert_eq!(store.import_participants(&[given(-5, None)], ImportMode::Write).unwrap(), counts(1, 0, 0));
    add_people(store, EVENT, 1);
    let keys: Vec<i64> = page(store, 0, i64::MAX, 9).into_iter().map(|person| person.id.0).collect();
    assert_eq!(keys, [1, 2, 3, 4, 5]);
}
