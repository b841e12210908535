//! The participants: the rows of the application's tables, which fanmail only reads.

use std::collections::BTreeMap;

use diesel::sql_types::{BigInt, Text};
use diesel::{QueryableByName, RunQueryDsl as _, sql_query};

use crate::ledger::Ledger;
use crate::scenario::EVENT;

/// A row of `participants` that has an address.
#[derive(Debug, Clone, QueryableByName)]
pub struct Person {
    /// Its id.
    #[diesel(sql_type = BigInt)]
    pub id: i64,
    /// The id of its event.
    #[diesel(sql_type = BigInt)]
    pub event_id: i64,
    /// The address.
    #[diesel(sql_type = Text)]
    pub email: String,
    /// The name.
    #[diesel(sql_type = Text)]
    pub name: String,
}

impl Ledger {
    /// Adds events like [`EVENT`] with one participant each, whose address is [`small_address`]. Returns the id of the
    /// first.
    pub fn add_small_events(&self, count: usize) -> i64 {
        let (first, last) = (EVENT + 1, EVENT + i64::try_from(count).unwrap());
        let numbers =
            format!("WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last})");
        let columns = "title, description, location, starts_at, ends_at, timezone, url, updated_at";
        self.execute(&format!(
            "{numbers} INSERT INTO events (id, {columns}) SELECT i, {columns} FROM n, events WHERE id = {EVENT};
             {numbers} INSERT INTO participants (event_id, email, name)
                 SELECT i, 'small.' || i || '@example.org', 'Käthe Schäfer' FROM n"
        ));
        first
    }

    /// The participants of an event that have an address.
    pub fn people(&self, event: i64) -> Vec<Person> {
        self.people_such_that(&format!("event_id = {event}"))
    }

    /// The participants of all events that have an address.
    pub fn people_by_event(&self) -> BTreeMap<i64, Vec<Person>> {
        let mut events: BTreeMap<i64, Vec<Person>> = BTreeMap::new();
        for person in self.people_such_that("1 = 1") {
            events.entry(person.event_id).or_default().push(person);
        }
        events
    }

    fn people_such_that(&self, condition: &str) -> Vec<Person> {
        sql_query(format!(
            "SELECT id, event_id, email, name FROM participants WHERE {condition} AND email IS NOT NULL ORDER BY id"
        ))
        .load(&mut self.open())
        .unwrap()
    }

    /// The recipients of all notices: the id of the notification, and theirs.
    pub fn recipients(&self) -> Vec<(i64, i64)> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = BigInt)]
            notification_id: i64,
            #[diesel(sql_type = BigInt)]
            id: i64,
        }
        let statement = "SELECT r.notification_id, r.id FROM recipients r
            JOIN notifications n ON n.id = r.notification_id WHERE n.kind = 'NOTICE'";
        let rows: Vec<Row> = sql_query(statement).load(&mut self.open()).unwrap();
        rows.into_iter().map(|row| (row.notification_id, row.id)).collect()
    }

    /// The addresses of all participants.
    pub fn addresses(&self) -> Vec<String> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = Text)]
            email: String,
        }
        let rows: Vec<Row> = sql_query("SELECT email FROM participants WHERE email IS NOT NULL")
            .load(&mut self.open())
            .unwrap();
        rows.into_iter().map(|row| row.email).collect()
    }
}

/// The address of the participant of an event of [`Ledger::add_small_events`].
pub fn small_address(event: i64) -> String {
    format!("small.{event}@example.org")
}
