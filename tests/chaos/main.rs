//! Faults at random moments, against the real binary. The promise has to hold: nobody is skipped, and nobody is mailed
//! twice but for the mails in flight at a crash.
//!
//! Each scenario runs once and small with the other tests, and often and large with `scripts/chaos`, which prints the
//! table of docs/reliability.md. The same seed chooses the same moments again.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a helper of a test fails like the test itself")]

mod broker_cases;
mod broker_faults;
mod broker_mixed;
mod broker_working;
mod database_faults;
mod dead_letters;
mod deferrals;
mod flood;
mod lateness;
mod ledger_losses;
mod messages;
mod opening;
mod pauses;
mod poison;
mod relay_faults;
mod relay_wide;
mod retry;
mod returned;
mod rotation;
mod run;
mod several_workers;
mod superseding;
mod table;
mod throttling;
mod turns;
mod unsubscribing;
mod wanted;
mod worker_faults;
mod workers;

use messages::{Ids, Way};
use run::Run;
use testkit::database::Server;
use testkit::full_disk::with_small_disk;
use testkit::network::with_network;
use testkit::system::System;

/// Makes a test of each scenario. The text is the first column of the table.
macro_rules! scenarios {
    ($($name:ident: $fault:literal, $scenario:expr;)+) => {$(
        #[test]
        fn $name() {
            Run::repeat(stringify!($name), $fault, $scenario);
        }
    )+};
}

scenarios! {
    killed_sqlite_id: "worker killed, SQLite, with message_id",
        |run| worker_faults::killed(run, System::Sqlite, Ids::With);
    killed_sqlite: "worker killed, SQLite, without message_id",
        |run| worker_faults::killed(run, System::Sqlite, Ids::Without);
    killed_postgresql_id: "worker killed, PostgreSQL, with message_id",
        |run| worker_faults::killed(run, System::Postgresql, Ids::With);
    killed_postgresql: "worker killed, PostgreSQL, without message_id",
        |run| worker_faults::killed(run, System::Postgresql, Ids::Without);
    killed_notices_sqlite: "worker killed, notices, SQLite, without message_id",
        |run| worker_faults::killed_with_notices(run, System::Sqlite, Ids::Without);
    killed_notices_postgresql_id: "worker killed, notices, PostgreSQL, with message_id",
        |run| worker_faults::killed_with_notices(run, System::Postgresql, Ids::With);
    killed_outbox_sqlite: "worker killed, outbox only, SQLite",
        |run| worker_faults::killed_with_outbox(run, System::Sqlite);
    killed_outbox_postgresql: "worker killed, outbox only, PostgreSQL",
        |run| worker_faults::killed_with_outbox(run, System::Postgresql);
    replays_killed: "replay of dead letters killed, SQLite, with and without message_id",
        |run| dead_letters::replays_killed(run, System::Sqlite);
    stopped: "worker stopped with SIGTERM, without message_id", worker_faults::stopped;
    two_signals: "worker stopped with two signals, without message_id", worker_faults::stopped_by_two_signals;
    two_workers_postgresql_id: "one of two workers killed, one frozen, PostgreSQL, with message_id",
        |run| several_workers::killed_and_frozen(run, System::Postgresql, 2, Ids::With, Way::Queue);
    two_workers_postgresql: "one of two workers killed, one frozen, PostgreSQL, without message_id",
        |run| several_workers::killed_and_frozen(run, System::Postgresql, 2, Ids::Without, Way::Queue);
    two_workers_outbox: "one of two workers killed, one frozen, outbox only, PostgreSQL",
        |run| several_workers::killed_and_frozen(run, System::Postgresql, 2, Ids::With, Way::Outbox);
    four_workers_postgresql: "one of four workers killed, one frozen, PostgreSQL, with message_id",
        |run| several_workers::killed_and_frozen(run, System::Postgresql, 4, Ids::With, Way::Queue);
    two_workers_mariadb: "one of two workers killed, one frozen, MariaDB, with message_id",
        |run| several_workers::killed_and_frozen(run, System::Mariadb, 2, Ids::With, Way::Queue);
    four_workers_mariadb: "one of four workers killed, one frozen, MariaDB, without message_id",
        |run| several_workers::killed_and_frozen(run, System::Mariadb, 4, Ids::Without, Way::Queue);
    broker_killed_mixed: "broker killed, two workers, with and without message_id", broker_mixed::killed;
    broker_killed_id: "broker killed, with message_id", |run| broker_faults::killed(run, Ids::With);
    broker_killed: "broker killed, without message_id", |run| broker_faults::killed(run, Ids::Without);
    broker_restarted_id: "broker restarted, with message_id",
        |run| broker_faults::restarted(run, Ids::With);
    broker_restarted: "broker restarted, without message_id",
        |run| broker_faults::restarted(run, Ids::Without);
    broker_killed_notices_id: "broker killed, notices and several queues, with message_id",
        broker_faults::killed_with_notices;
    broker_restarted_notices_id: "broker restarted, notices and several queues, with message_id",
        broker_faults::restarted_with_notices;
    broker_frozen_id: "broker frozen, with message_id", |run| broker_faults::frozen(run, Ids::With);
    broker_frozen: "broker frozen, without message_id", |run| broker_faults::frozen(run, Ids::Without);
    half_open_id: "connection half open, with message_id", |run| broker_faults::half_open(run, Ids::With);
    half_open: "connection half open, without message_id",
        |run| broker_faults::half_open(run, Ids::Without);
    database_killed_postgresql: "database killed, PostgreSQL, without message_id",
        |run| database_faults::killed(run, Server::Postgresql, Way::Queue);
    database_killed_mariadb: "database killed, MariaDB, without message_id",
        |run| database_faults::killed(run, Server::Mariadb, Way::Queue);
    database_restarted: "database restarted, PostgreSQL, without message_id",
        |run| database_faults::restarted(run, Server::Postgresql, Way::Queue);
    database_frozen: "database frozen, PostgreSQL, without message_id",
        |run| database_faults::frozen(run, Server::Postgresql, Way::Queue);
    outbox_database_frozen: "database frozen, outbox only, PostgreSQL",
        |run| database_faults::frozen(run, Server::Postgresql, Way::Outbox);
    opening_killed: "database killed, small notifications with and without message_id, PostgreSQL",
        |run| opening::database_killed(run, Server::Postgresql, Way::Queue);
    outbox_opening_killed: "database killed, small notifications of the outbox, PostgreSQL",
        |run| opening::database_killed(run, Server::Postgresql, Way::Outbox);
    outbox_replies_postgresql: "replies of the database lost, small notifications of the outbox, PostgreSQL",
        |run| opening::replies_lost(run, System::Postgresql, Way::Outbox);
    outbox_replies_mariadb: "replies of the database lost, small notifications of the outbox, MariaDB",
        |run| opening::replies_lost(run, System::Mariadb, Way::Outbox);
    opening_replies_postgresql: "replies of the database lost, small notifications with and without message_id, PostgreSQL",
        |run| opening::replies_lost(run, System::Postgresql, Way::Queue);
    opening_replies_mariadb: "replies of the database lost, small notifications with and without message_id, MariaDB",
        |run| opening::replies_lost(run, System::Mariadb, Way::Queue);
    rows_deleted_sqlite_id: "rows of notifications deleted, SQLite, with message_id",
        |run| ledger_losses::rows_deleted(run, System::Sqlite, true);
    rows_deleted_sqlite: "rows of notifications deleted, SQLite, without message_id",
        |run| ledger_losses::rows_deleted(run, System::Sqlite, false);
    rows_deleted_postgresql_id: "rows of notifications deleted, PostgreSQL, with message_id",
        |run| ledger_losses::rows_deleted(run, System::Postgresql, true);
    rows_deleted_postgresql: "rows of notifications deleted, PostgreSQL, without message_id",
        |run| ledger_losses::rows_deleted(run, System::Postgresql, false);
    restored_sqlite_id: "ledger restored to an older copy, SQLite, with message_id",
        |run| ledger_losses::restored(run, System::Sqlite, true);
    restored_sqlite: "ledger restored to an older copy, SQLite, without message_id",
        |run| ledger_losses::restored(run, System::Sqlite, false);
    restored_postgresql_id: "ledger restored to an older copy, PostgreSQL, with message_id",
        |run| ledger_losses::restored(run, System::Postgresql, true);
    restored_postgresql: "ledger restored to an older copy, PostgreSQL, without message_id",
        |run| ledger_losses::restored(run, System::Postgresql, false);
    restored_mariadb: "ledger restored to an older copy, MariaDB, without message_id",
        |run| ledger_losses::restored(run, System::Mariadb, false);
    late_commits_postgresql: "participants committed late with lower keys, PostgreSQL, with message_id",
        |run| ledger_losses::late_commits(run, System::Postgresql);
    late_commits_mariadb: "participants committed late with lower keys, MariaDB, with message_id",
        |run| ledger_losses::late_commits(run, System::Mariadb);
    event_deleted_sqlite: "worker killed, its event deleted and put back, SQLite",
        |run| ledger_losses::event_deleted(run, System::Sqlite);
    event_deleted_postgresql: "worker killed, its event deleted and put back, PostgreSQL",
        |run| ledger_losses::event_deleted(run, System::Postgresql);
    retry_killed_sqlite: "fanmail retry killed and stopped, SQLite, with message_id",
        |run| retry::killed_and_stopped(run, System::Sqlite);
    retry_killed_postgresql: "fanmail retry killed and stopped, PostgreSQL, with message_id",
        |run| retry::killed_and_stopped(run, System::Postgresql);
    relay_killed: "relay killed, refusing connections, without message_id", relay_faults::killed;
    relay_frozen: "relay frozen, without message_id", relay_faults::frozen;
    relay_refusing: "relay greeting with 421, 450, 554, without message_id", relay_faults::refusing;
    relay_throttling: "relay answering one in ten with 450, without message_id", relay_faults::throttling;
    relay_limiting: "relay answering 421 after each 50 mails, without message_id", relay_faults::limiting;
    relay_dropping: "relay dropping one connection in fifty, without message_id", relay_faults::dropping;
    throttled_14: "relay taking 14 mails a second, without message_id", |run| throttling::limited_rate(run, 14);
    throttled_50: "relay taking 50 mails a second, without message_id", |run| throttling::limited_rate(run, 50);
    throttled_faster: "relay taking 14 mails a second, then 50, without message_id", throttling::growing_rate;
    connections_limited: "relay limiting connections, without message_id", throttling::limited_connections;
    refused_451: "relay answering 451 to everyone for a while, without message_id",
        |run| relay_wide::everyone_refused(run, "451 4.3.0 Temporary lookup failure");
    refused_554: "relay answering 554 to everyone for a while, without message_id",
        |run| relay_wide::everyone_refused(run, "554 5.7.1 Relay access denied");
    quota_used_up: "relay with a quota that is used up, without message_id", relay_wide::quota_used_up;
    greylisted: "relay greylisting everyone, without message_id", deferrals::everyone_greylisted;
    greylisted_small: "relay greylisting every tenth small notification, without message_id", deferrals::small_notifications;
    greylisted_killed_sqlite: "worker killed, relay greylisting everyone, SQLite, without message_id",
        |run| deferrals::killed(run, System::Sqlite, 1);
    greylisted_killed_postgresql: "one of two workers killed, relay greylisting everyone, PostgreSQL, without message_id",
        |run| deferrals::killed(run, System::Postgresql, 2);
    greylisted_two_workers: "two workers, relay greylisting everyone, MariaDB, without message_id",
        |run| deferrals::several_workers(run, System::Mariadb, 2);
    superseding_sqlite_id: "worker killed, notifications that supersede each other, SQLite, with message_id",
        |run| superseding::killed(run, System::Sqlite, 1, Ids::With);
    superseding_sqlite: "worker killed, notifications that supersede each other, SQLite, without message_id",
        |run| superseding::killed(run, System::Sqlite, 1, Ids::Without);
    superseding_postgresql_id: "one of two workers killed, notifications that supersede each other, PostgreSQL, with message_id",
        |run| superseding::killed(run, System::Postgresql, 2, Ids::With);
    superseding_mariadb_id: "one of two workers killed, notifications that supersede each other, MariaDB, with message_id",
        |run| superseding::killed(run, System::Mariadb, 2, Ids::With);
    unsubscribing_sqlite: "worker killed while people unsubscribe, SQLite",
        |run| unsubscribing::killed(run, System::Sqlite);
    unsubscribing_postgresql: "worker killed while people unsubscribe, PostgreSQL",
        |run| unsubscribing::killed(run, System::Postgresql);
    unsubscribing_mariadb: "worker killed while people unsubscribe, MariaDB",
        |run| unsubscribing::killed(run, System::Mariadb);
    returned_sqlite: "worker and fanmail bounces killed while mails come back, SQLite",
        |run| returned::killed(run, System::Sqlite);
    returned_postgresql: "worker and fanmail bounces killed while mails come back, PostgreSQL",
        |run| returned::killed(run, System::Postgresql);
    returned_mariadb: "worker and fanmail bounces killed while mails come back, MariaDB",
        |run| returned::killed(run, System::Mariadb);
    flood_sqlite: "flood of requests for links and forged ones, SQLite",
        |run| flood::beside_sending(run, System::Sqlite);
    flood_postgresql: "flood of requests for links and forged ones, PostgreSQL",
        |run| flood::beside_sending(run, System::Postgresql);
    rotation_sqlite: "worker killed and stopped, with new secrets and DKIM keys, SQLite",
        |run| rotation::in_the_middle(run, System::Sqlite);
    rotation_postgresql: "worker killed and stopped, with new secrets and DKIM keys, PostgreSQL",
        |run| rotation::in_the_middle(run, System::Postgresql);
    late_replies: "relay replying after SMTP_DATA_TIMEOUT to one in fifty, without message_id", deferrals::late_replies;
    poison_sqlite: "random bytes, mutated JSON, odd properties, SQLite, with and without message_id",
        |run| poison::poison(run, System::Sqlite);
    poison_postgresql: "random bytes, mutated JSON, odd properties, PostgreSQL, with and without message_id",
        |run| poison::poison(run, System::Postgresql);
    poison_mariadb: "random bytes, mutated JSON, odd properties, MariaDB, with and without message_id",
        |run| poison::poison(run, System::Mariadb);
}

/// Not in the list above, because it runs in a process of its own. So do those below.
#[test]
fn disk_full() {
    with_small_disk("disk_full", 64, |disk| {
        Run::repeat("disk_full", "disk full, SQLite, without message_id", |run| {
            database_faults::disk_full(run, disk, Way::Queue);
        });
    });
}

#[test]
fn outbox_disk_full() {
    with_small_disk("outbox_disk_full", 64, |disk| {
        Run::repeat("outbox_disk_full", "disk full, outbox only, SQLite", |run| {
            database_faults::disk_full(run, disk, Way::Outbox);
        });
    });
}

#[test]
fn network_cut_id() {
    with_network("network_cut_id", |network| {
        Run::repeat("network_cut_id", "network cut, with message_id", |run| {
            broker_faults::network_cut(run, Ids::With, network);
        });
    });
}

#[test]
fn network_cut() {
    with_network("network_cut", |network| {
        Run::repeat("network_cut", "network cut, without message_id", |run| {
            broker_faults::network_cut(run, Ids::Without, network);
        });
    });
}
