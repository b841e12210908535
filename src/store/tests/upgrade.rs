//! A database of fanmail 0.1.0 comes to the tables of today, as functions over a `Store` without tables.

use diesel::prelude::*;
use diesel::result::Error;
use diesel_migrations::MigrationHarness as _;

use super::*;
use crate::domain::channel::ChannelName;
use crate::exit_code::{FAILED, HasExitCode, MISCONFIGURED};
use crate::store::backend::any::AnyConnection;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::ledger::row::NotificationRecord;
use crate::store::tests::consumer::{Consumer, look};

/// Makes a test of each function of this file; `$empty` returns a guard and a `Store` without tables.
macro_rules! upgrade_tests {
    ($empty:path) => {
        crate::store::tests::upgrade::upgrade_tests!($empty:
            notifications_of_0_1_0_keep_their_meaning
            a_key_of_0_1_0_is_not_given_again
            a_team_may_have_views_of_the_ledger
            an_upgrade_may_be_taken_back
            the_states_of_0004_become_those_before
            a_table_of_sessions_that_is_not_ours_is_left_alone
            fanmail_0_1_0_opens_nothing_in_newer_tables
            tables_of_a_newer_fanmail_are_refused
            tables_of_an_older_fanmail_are_named
            migrations_of_the_application_are_not_counted
        );
    };
    ($empty:path: $($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                let (_guard, store) = $empty();
                crate::store::tests::upgrade::$name(&store);
            }
        )*
    };
}
pub(super) use upgrade_tests;

/// Makes the tables of 0.1.0, with five notifications: one that is completed and acked, one that a worker has leased, two
/// that are running, and one that was purged.
pub fn make_0_1_0(store: &Store) {
    let make = |connection: &mut AnyConnection| -> QueryResult<()> {
        for _ in 0..2 {
            let migrations = dispatch::migrations(connection);
            connection.run_next_migration(migrations).map_err(Error::QueryBuilderError)?;
        }
        Ok(())
    };
    store.run("make the tables of 0.1.0", make).unwrap();
    add_people(store, EVENT, 5);
    execute(
        store,
        "INSERT INTO notifications (message_key, kind, event_id, max_participant_id, state, received_at, completed_at,
            acked_at, lease_owner, lease_until, epoch) VALUES
            ('done', 'CREATED', 7, 3, 'completed', '2026-11-01 10:00:00.250', '2026-11-01 10:05:00',
                '2026-11-01 10:05:01', NULL, NULL, 1),
            ('leased', 'UPDATED', 7, 5, 'running', '2026-11-02 10:00:00', NULL, NULL, 'old', '2037-01-01 00:00:00', 4),
            (NULL, 'UPDATED', 7, 5, 'running', '2026-11-03 10:00:00', NULL, NULL, NULL, NULL, 2),
            (NULL, 'CANCELLED', 8, 0, 'running', '2026-11-04 10:00:00', NULL, NULL, NULL, NULL, 1),
            ('purged', 'UPDATED', 7, 5, 'completed', '2026-11-05 10:00:00', NULL, NULL, NULL, NULL, 1);
         DELETE FROM notifications WHERE message_key = 'purged';
         INSERT INTO deliveries (notification_id, participant_id, status, attempts, permanent, smtp_code, detail,
            decided_at) VALUES
            (1, 1, 'sent', 1, FALSE, 250, '2.0.0 Ok', '2026-11-01 10:01:00'),
            (1, 2, 'failed', 3, TRUE, 550, '5.1.1 unknown', '2026-11-01 10:02:00'),
            (1, 3, 'skipped', 0, FALSE, NULL, 'no address', '2026-11-01 10:03:00'),
            (2, 1, 'sent', 1, FALSE, 250, NULL, '2026-11-02 10:01:00'),
            (2, 4, 'sent', 2, FALSE, 250, NULL, '2026-11-02 10:01:00')",
    );
}

/// What the tables of today hold of [`make_0_1_0`].
pub fn is_upgraded(store: &Store) {
    store.check_schema().unwrap();
    let all: Vec<NotificationRecord> = store.list_notifications(None).unwrap();
    let found: Vec<String> = all
        .iter()
        .map(|record| {
            let NotificationRecord { notification, message_key, state, epoch, .. } = record;
            assert_eq!(record.channel, ChannelName::Email);
            let key = message_key.as_deref().unwrap_or("-");
            format!("{} {key} {notification} {} {epoch}", notification.id, state.as_str())
        })
        .collect();
    assert_eq!(
        found,
        [
            "1 done CREATED of event 7 completed 1",
            "2 leased UPDATED of event 7 running 4",
            "3 - UPDATED of event 7 running 2",
            "4 - CANCELLED of event 8 running 1"
        ]
    );
    assert_eq!(all[0].received_at.to_string(), "2026-11-01 10:00:00.250");
    assert_eq!(all[0].acked_at.unwrap().to_string(), "2026-11-01 10:05:01");
    assert_eq!(all[1].holder.as_ref().map(|holder| holder.owner.as_str()), Some("old"));
    let tally = store.tally(&all[0].notification).unwrap();
    assert_eq!((tally.sent, tally.failed, tally.failed_permanent, tally.skipped), (1, 1, 1, 1));
    assert_eq!(decided(store, all[1].notification.id, 0, 9), HashSet::from([1, 4]));
    let (tag, untagged_up_to) = installation(store);
    assert!(tag.len() == 10 && tag.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase()));
    assert_eq!(untagged_up_to, NotificationId(4));
}

fn installation(store: &Store) -> (String, NotificationId) {
    let installation = store.find_installation().unwrap();
    (installation.tag, installation.untagged_up_to)
}

pub fn notifications_of_0_1_0_keep_their_meaning(store: &Store) {
    make_0_1_0(store);
    assert_eq!(store.migrate().unwrap(), MIGRATIONS[2..]);
    is_upgraded(store);
    let once = installation(store);
    assert_eq!(store.migrate().unwrap(), Vec::<String>::new());
    assert_eq!(installation(store), once, "the tag is made once");

    let done = ask(store, &named("done", true), message(Kind::Created));
    assert!(
        matches!(done, Opened::Completed(notification) if notification.id == NotificationId(1)),
        "{done:?}"
    );
    let leased = ask(store, &named("leased", true), message(Kind::Updated));
    assert!(
        matches!(leased, Opened::Elsewhere(notification) if notification.id == NotificationId(2)),
        "{leased:?}"
    );
    let resumed = ask(store, &without_message_id(true), message(Kind::Updated));
    let Opened::Ours { notification, lease, resumed: true, .. } = resumed else { panic!("{resumed:?}") };
    assert_eq!((notification.id, lease.epoch), (NotificationId(3), Epoch(3)));
    let record = store.find_notification(NotificationId(2)).unwrap().unwrap();
    let until = record.holder.map(|holder| holder.until);
    let seen = Lease { notification_id: NotificationId(2), epoch: Epoch(4) };
    assert!(store.take_over(seen, until, seen.epoch.next(), &lease_request("me")).unwrap().is_some());
}

pub fn a_key_of_0_1_0_is_not_given_again(store: &Store) {
    make_0_1_0(store);
    store.migrate().unwrap();
    assert_eq!(open(store).id, NotificationId(6), "5 was purged");
}

/// A report, say. Nothing in the migration may depend on what a team has made of the ledger.
pub fn a_team_may_have_views_of_the_ledger(store: &Store) {
    make_0_1_0(store);
    execute(
        store,
        "CREATE VIEW report AS SELECT n.event_id, d.status, count(*) AS mails
            FROM notifications n JOIN deliveries d ON d.notification_id = n.id GROUP BY n.event_id, d.status",
    );
    store.migrate().unwrap();
    is_upgraded(store);
    execute(store, "CREATE TABLE copied AS SELECT * FROM report");
}

pub fn an_upgrade_may_be_taken_back(store: &Store) {
    make_0_1_0(store);
    store.migrate().unwrap();
    execute(
        store,
        "INSERT INTO notifications (kind, audience, max_participant_id, state, received_at)
            VALUES ('NOTICE', 'list', 1, 'completed', '2026-11-06 10:00:00');
         INSERT INTO deliveries (notification_id, participant_id, status, attempts, permanent, decided_at)
            VALUES (1, 4, 'later', 1, TRUE, '2026-11-06 10:00:00')",
    );
    for _ in 3..=MIGRATIONS.len() {
        take_back(store);
    }
    refused(
        store,
        "INSERT INTO notifications (kind, event_id, max_participant_id, state, received_at)
        VALUES ('NOTICE', 7, 1, 'running', '2026-11-06 10:00:00')",
    );
    refused(
        store,
        "INSERT INTO notifications (message_key, kind, event_id, max_participant_id, state, received_at)
        VALUES ('done', 'UPDATED', 7, 1, 'running', '2026-11-06 10:00:00')",
    );
    refused(store, "UPDATE deliveries SET status = 'later'");
    assert_eq!(store.migrate().unwrap(), MIGRATIONS[2..]);
    is_upgraded(store);
}

/// Takes the last migration back.
fn take_back(store: &Store) {
    let revert = |connection: &mut AnyConnection| {
        let migrations = dispatch::migrations(connection);
        connection.revert_last_migration(migrations).map(drop).map_err(Error::QueryBuilderError)
    };
    store.run("take the migration back", revert).unwrap();
}

pub fn the_states_of_0004_become_those_before(store: &Store) {
    store.migrate().unwrap();
    let mut me = Consumer::begin(store, "me", 1);
    let (waiting, abandoned, running) = (me.receive_new(), me.receive_new(), me.receive_new());
    assert!(store.abandon_notification(abandoned.1, "the event is gone").unwrap());
    store.start_notification(running.1).unwrap().unwrap();
    for _ in 4..=MIGRATIONS.len() {
        take_back(store);
    }
    let columns = "SELECT broker_session FROM notifications";
    refused(store, columns);
    assert_eq!(store.migrate().unwrap(), MIGRATIONS[3..]);
    let found = [waiting, abandoned, running].map(|(notification, _)| look(store, notification.id));
    let states = found.each_ref().map(|record| (record.state.as_str(), record.broker_session.as_deref()));
    assert_eq!(states, [("running", None), ("completed", None), ("running", None)]);
}

/// Of another program.
pub fn a_table_of_sessions_that_is_not_ours_is_left_alone(store: &Store) {
    make_0_1_0(store);
    execute(store, "CREATE TABLE broker_sessions (id INTEGER)");
    let error = store.migrate().unwrap_err().to_string();
    assert!(error.contains("have these names: broker_sessions;"), "{error}");
    execute(store, "ALTER TABLE broker_sessions RENAME TO others");
    assert_eq!(store.migrate().unwrap(), MIGRATIONS[2..]);
    is_upgraded(store);
}

fn refused(store: &Store, statement: &str) -> StoreError {
    store.run("try", |connection| connection.batch_execute(statement)).expect_err(statement)
}

/// It would give them Message-IDs without the tag.
pub fn fanmail_0_1_0_opens_nothing_in_newer_tables(store: &Store) {
    store.migrate().unwrap();
    let error = refused(
        store,
        "INSERT INTO notifications (message_key, kind, event_id, max_participant_id, state, received_at, lease_owner,
            lease_until, epoch) VALUES (NULL, 'UPDATED', 7, 3, 'running', '2026-11-06 10:00:00', 'old',
            '2026-11-06 10:00:30', 1)",
    );
    assert!(error.to_string().contains("audience"), "{error}");
}

fn newest_version() -> &'static str {
    &MIGRATIONS[MIGRATIONS.len() - 1][..4]
}

/// Notes that a migration was applied.
fn note(store: &Store, version: &str) {
    execute(store, &format!("INSERT INTO __diesel_schema_migrations (version) VALUES ('{version}')"));
}

pub fn tables_of_a_newer_fanmail_are_refused(store: &Store) {
    store.migrate().unwrap();
    store.check_version().unwrap();
    note(store, "0099");
    for error in [store.migrate().unwrap_err(), store.check_version().unwrap_err()] {
        assert!(error.exit_code() == MISCONFIGURED && !error.is_transient(), "{error}");
        let expected = format!(
            "database: could not use the tables: the tables have version 0099, made by a newer fanmail; fanmail {} needs \
             version {}; install the newer fanmail, or restore the backup that was made before the update to \
             version 0099",
            env!("CARGO_PKG_VERSION"),
            newest_version()
        );
        assert_eq!(error.to_string(), expected);
    }
}

pub fn tables_of_an_older_fanmail_are_named(store: &Store) {
    make_0_1_0(store);
    let error = store.check_version().unwrap_err();
    assert!(error.exit_code() == FAILED && !error.is_transient(), "{error}");
    let error = error.to_string();
    assert!(
        error.contains("the tables have version 0002; fanmail ")
            && error.contains(&format!(" needs version {}; ", newest_version())),
        "{error}"
    );
    assert!(
        error.ends_with("; stop the workers of the older fanmail, then run `fanmail migrate`"),
        "{error}"
    );
}

/// An application that uses diesel has its migrations in the same table.
pub fn migrations_of_the_application_are_not_counted(store: &Store) {
    make_0_1_0(store);
    note(store, "20261101101500");
    assert_eq!(store.migrate().unwrap(), MIGRATIONS[2..]);
    store.check_version().unwrap();
    assert_eq!(store.migrate().unwrap(), Vec::<String>::new());
}
