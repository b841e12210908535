//! Columns of other types than fanmail's own tables have.

use super::*;
use crate::domain::event::Event;
use crate::store::source::zones::UnknownZones;

/// Gives a column of the table another type, and a value in all rows.
fn retype(store: &Store, table: &str, column: &str, kind: &str, value: &str) {
    execute(
        store,
        &format!(
            "ALTER TABLE {table} DROP COLUMN {column}; ALTER TABLE {table} ADD COLUMN {column} {kind};
             UPDATE {table} SET {column} = {value}"
        ),
    );
    // A connection notices with its first statement that the table is another one.
    for _ in 0..3 {
        drop(store.check_schema());
    }
    drop((store.find_event(EVENT), store.count_unknown_zones()));
    drop(store.read_page(EVENT, None, ParticipantId::MAX, 1));
    store.check_schema().unwrap();
}

fn event(store: &Store) -> Event {
    store.find_event(EVENT).unwrap().unwrap()
}

/// MariaDB's room 101 was `e`, and 305 was `1`.
pub fn numbers_are_read_as_text(store: &Store) {
    execute(store, "INSERT INTO events (id, title) VALUES (7, 'Ball')");
    add_people(store, EVENT, 1);
    for number in [101, 200, 305, -7, 0, 2_147_483_647] {
        retype(store, "events", "location", "INTEGER", &number.to_string());
        assert_eq!(event(store).location, Some(number.to_string()));
        retype(store, "participants", "name", "INTEGER", &number.to_string());
        assert_eq!(page(store, 0, 9, 9)[0].name, number.to_string());
    }
    retype(store, "events", "title", "DOUBLE PRECISION", "3.5");
    assert_eq!(event(store).title, "3.5");
    retype(store, "events", "timezone", "INTEGER", "8");
    assert_eq!(event(store).timezone, "8");
    let zones = UnknownZones { events: 1, example: "8".to_owned() };
    assert_eq!(store.count_unknown_zones().unwrap(), Some(zones));
}

pub fn a_date_is_a_whole_day(store: &Store) {
    execute(store, "INSERT INTO events (id, title, timezone) VALUES (7, 'Ball', 'America/New_York')");
    for column in ["starts_at", "ends_at", "updated_at"] {
        retype(store, "events", column, "DATE", "'2026-12-24'");
    }
    let Event { starts_at, ends_at, updated_at, .. } = event(store);
    assert_eq!([starts_at, ends_at, updated_at].map(|moment| shown(moment).unwrap()), ["2026-12-24"; 3]);
    assert_eq!(store.find_unreadable_times(EVENT).unwrap(), Vec::<&str>::new());
    retype(store, "events", "starts_at", "DATE", "NULL");
    assert_eq!(event(store).starts_at, None);
}

pub fn times_are_read_from_text(store: &Store) {
    execute(store, "INSERT INTO events (id, title) VALUES (7, 'Ball')");
    retype(store, "events", "starts_at", "VARCHAR(60)", "NULL");
    for (text, expected) in [
        ("2026-11-21T10:00:00+01:00", Some("2026-11-21T09:00:00+00:00")),
        ("2026-11-21 09:00:00.5", Some("2026-11-21T09:00:00.500+00:00")),
        ("2026-11-21T09:00Z", Some("2026-11-21T09:00:00+00:00")),
        ("2026-11-21 09:00", Some("2026-11-21T09:00:00+00:00")),
        ("2026-11-21 10:00:00.000 +01:00", Some("2026-11-21T09:00:00+00:00")),
        ("1795251600", Some("2026-11-21T09:00:00+00:00")),
        ("2026-11-21", Some("2026-11-21")),
        ("next Tuesday", None),
        ("0000-00-00 00:00:00", None),
        ("0001-01-01T00:00:00Z", None),
        ("9999-12-31 23:59:59", None),
        ("", None),
    ] {
        execute(store, &format!("UPDATE events SET starts_at = '{text}', ends_at = '2026-11-22 09:00:00'"));
        let event = event(store);
        assert_eq!(shown(event.starts_at).as_deref(), expected, "{text:?}");
        assert!(event.ends_at.is_some());
        assert_eq!(store.find_unreadable_times(EVENT).unwrap().is_empty(), expected.is_some(), "{text:?}");
    }
}

pub fn times_are_read_from_numbers(store: &Store) {
    execute(store, "INSERT INTO events (id, title) VALUES (7, 'Ball')");
    for (kind, number, expected) in [
        ("BIGINT", "1795251600", Some("2026-11-21T09:00:00+00:00")),
        ("INTEGER", "1795251600", Some("2026-11-21T09:00:00+00:00")),
        ("BIGINT", "1795251600123", Some("2026-11-21T09:00:00.123+00:00")),
        ("DOUBLE PRECISION", "1795251600.25", Some("2026-11-21T09:00:00.250+00:00")),
        ("DECIMAL(16, 3)", "1795251600.25", Some("2026-11-21T09:00:00.250+00:00")),
        ("INTEGER", "20261224", Some("2026-12-24")),
        ("BIGINT", "0", None),
        ("BIGINT", "-1795251600", None),
        ("SMALLINT", "2026", None),
    ] {
        retype(store, "events", "starts_at", kind, number);
        assert_eq!(shown(event(store).starts_at).as_deref(), expected, "{kind} {number}");
    }
}

pub fn unknown_zones_are_counted(store: &Store) {
    assert_eq!(store.count_unknown_zones().unwrap(), None);
    for (id, zone) in
        [(1, "'Europe/Berlin'"), (2, "'w. europe standard time'"), (3, "'GMT+2'"), (4, "''"), (5, "' '")]
    {
        execute(store, &format!("INSERT INTO events (id, title, timezone) VALUES ({id}, 'Ball', {zone})"));
    }
    assert_eq!(store.count_unknown_zones().unwrap(), None);
    for (id, zone) in [(6, "Shire"), (7, "PST"), (8, "PST")] {
        execute(store, &format!("INSERT INTO events (id, title, timezone) VALUES ({id}, 'Ball', '{zone}')"));
    }
    let unknown = UnknownZones { events: 3, example: "PST".to_owned() };
    assert_eq!(store.count_unknown_zones().unwrap(), Some(unknown));
}
