//! What only concerns databases that are servers: they are away, restart, refuse, and are used by others.
//! Functions over a server, as those of `conformance` are over a store.

use std::time::Duration;

use super::*;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::tests::consumer::ack;

mod locks;
mod tables;
mod tls;

pub use locks::*;
pub use tables::*;
pub use tls::*;

pub use testkit::database::{Database, PASSWORD, Server, USER};

/// Makes a test of each function of this file that is named here.
macro_rules! server_tests {
    ($server:expr) => {
        crate::store::tests::servers::server_tests!($server;
            a_server_that_is_down_is_a_transient_error
            a_refused_login_is_explained
            tls_is_required_when_it_is_configured
            a_restart_costs_one_error_and_no_key_is_reused
            connecting_to_a_frozen_server_fails_in_time
            processes_may_migrate_at_once
            views_may_stand_for_the_tables
            missing_tables_are_named
            a_view_that_lacks_a_column_is_named
            a_deadlock_is_repeated_without_an_error
            a_locked_notification_waits
            a_session_ends_after_what_it_opens
            two_workers_take_different_rows_of_the_outbox
            the_tables_are_those_of_sqlite
            times_are_those_of_the_server
        );
    };
    ($server:expr; $($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                crate::store::tests::servers::$name($server);
            }
        )*
    };
}
pub(super) use server_tests;

/// An empty database of the server that tests share.
pub fn empty(server: Server) -> Store {
    connect(&Database::shared_without_disk_waits(server).create_database(), 4).unwrap()
}

/// The same with the tables in it.
pub fn migrated(server: Server) -> Store {
    let store = empty(server);
    assert_eq!(store.migrate().unwrap(), MIGRATIONS);
    store
}

/// Lets the pool notice that tables were changed under it, by statements that may fail.
pub fn settle(store: &Store) {
    drop(store.check_schema());
    drop(store.find_event(EVENT));
    drop(store.read_page(EVENT, ParticipantId(0), ParticipantId(1), 1));
}

pub fn connect(url: &str, pool_size: u32) -> Result<Store, StoreError> {
    let config = DatabaseConfig { backend: Backend::parse(url).unwrap(), echo: false, default_file: None };
    Store::connect(&config, pool_size)
}

pub fn refusal(url: &str) -> StoreError {
    let error = connect(url, 1).expect_err(url);
    let message = error.to_string();
    assert!(!message.contains(PASSWORD) && !message.contains('\n'), "{message}");
    error
}

pub fn a_server_that_is_down_is_a_transient_error(server: Server) {
    let database = Database::own(server);
    let scheme = if server == Server::Mariadb { "mysql" } else { "postgres" };
    let url = |place: &str| format!("{scheme}://{USER}:{PASSWORD}@{place}/app");
    let refused = refusal(&url(&format!("127.0.0.1:{}", database.port)));
    assert!(refused.is_transient(), "{refused}");
    assert!(
        refused
            .to_string()
            .ends_with("; start the database server, or correct host and port in DATABASE_URL")
    );
    let unknown = refusal(&url("nowhere.invalid"));
    assert!(unknown.to_string().contains("; correct the host in DATABASE_URL"), "{unknown}");
}

pub fn a_refused_login_is_explained(server: Server) {
    let url = Database::shared_without_disk_waits(server).create_database();
    for (wrong, hint) in [
        (url.replace(PASSWORD, "another"), "; correct user and password in DATABASE_URL"),
        (url.replace(USER, "somebody"), "; correct user and password in DATABASE_URL"),
        (url.replace("/test_", "/no_"), if server == Server::Mariadb { "; grant" } else { "; create it" }),
    ] {
        let error = refusal(&wrong);
        assert!(!error.is_transient() && error.to_string().contains(hint), "{error}");
    }
}

/// Opens `count` connections at the same time.
fn open_connections(store: &Store, count: u32) {
    let nested = store.run("open", |_| {
        if count > 1 {
            open_connections(store, count - 1);
        }
        Ok(())
    });
    nested.unwrap();
}

pub fn a_restart_costs_one_error_and_no_key_is_reused(server: Server) {
    let database = Database::own(server);
    database.start();
    let store = connect(&database.create_database(), 3).unwrap();
    store.migrate().unwrap();
    add_people(&store, EVENT, 3);
    execute(&store, "DELETE FROM participants WHERE id > 1");
    open_connections(&store, 3);
    database.restart();
    let answers: Vec<_> = (0..4).map(|_| store.find_event(EVENT)).collect();
    let error = answers[0].as_ref().unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert!(answers[1..].iter().all(Result::is_ok), "{answers:?}");
    open_connections(&store, 3);

    add_people(&store, EVENT, 1);
    assert_eq!(last_participant_id(&store, EVENT), 4);
}

pub fn connecting_to_a_frozen_server_fails_in_time(server: Server) {
    let database = Database::own(server);
    database.start();
    let url = database.create_database();
    let frozen = database.freeze();
    let began = std::time::Instant::now();
    let error = refusal(&url);
    assert!(error.is_transient(), "{error}");
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    frozen.thaw();
    connect(&url, 1).unwrap();
}

/// One connection to a server whose clock, as this connection sees it, stands still in 2020.
fn in_2020(server: Server) -> Store {
    let store = connect(&Database::shared_without_disk_waits(server).create_database(), 1).unwrap();
    store.migrate().unwrap();
    execute(
        &store,
        match server {
            Server::Postgresql => {
                "CREATE SCHEMA past;
                 CREATE FUNCTION past.clock_timestamp() RETURNS timestamptz LANGUAGE sql
                    AS $$ SELECT '2020-02-02 20:20:20.123Z'::timestamptz $$;
                 SET search_path = past, public, pg_catalog"
            }
            Server::Mariadb => "SET timestamp = 1580674820.123",
        },
    );
    store
}

pub fn times_are_those_of_the_server(server: Server) {
    let store = in_2020(server);
    add_people(&store, EVENT, 3);
    let notification = open_and_hold(&store);
    record(&store, &notification, Status::Sent, 1..=3);
    complete(&store, notification.id);
    ack(&store, notification.id);
    store.report_worker("me", "").unwrap();
    let entry = store.find_notification(notification.id).unwrap().unwrap();
    let times = [Some(entry.received_at), entry.completed_at, entry.acked_at];
    assert_eq!(times.map(|time| time.unwrap().to_string()), ["2020-02-02 20:20:20.123"; 3]);
    assert_eq!(store.list_workers().unwrap()[0].started_at.to_string(), "2020-02-02 20:20:20.123");
    let decided: i64 = store
        .run("count outcomes", |connection| {
            use diesel::prelude::*;

            use crate::store::schema::deliveries;
            let decided_then = deliveries::decided_at.eq(entry.received_at);
            deliveries::table.filter(decided_then).count().get_result(connection)
        })
        .unwrap();
    assert_eq!(decided, 3);
}
