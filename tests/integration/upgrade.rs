//! A database of fanmail 0.1.0, with a notification that was running, is migrated by a process that is killed in the
//! middle, then by another one, and the worker resumes. Also tables of a newer fanmail.

use std::collections::BTreeSet;
use std::fs;
use std::ops::RangeInclusive;

use crate::systems::on_every_system;
use testkit::scenario::{EVENT, Scenario};
use testkit::smtp::log::BodyReply;
use testkit::system::System;
use testkit::wait::wait_until;

mod from_0_2_0;

/// Participants of the event, with keys from 1.
const PEOPLE: i64 = 300;
/// Outcomes of the notification that is completed.
const OUTCOMES: i64 = 200_000;

on_every_system!(
    a_database_of_0_1_0_is_migrated_and_resumed
    a_database_of_a_newer_fanmail_is_refused
);

/// The names of the migrations, in their order.
const MIGRATIONS: [&str; 13] = [
    "0001_tables",
    "0002_workers",
    "0003_channels_and_audiences",
    "0004_broker_sessions",
    "0005_event_keys",
    "0006_outbox",
    "0007_notices",
    "0008_reminders",
    "0009_queues",
    "0010_coalescing",
    "0011_suppressions",
    "0012_bounces",
    "0013_erasures",
];

/// What `fanmail migrate` prints when it applies these, counted from 1.
fn applied(numbers: RangeInclusive<usize>) -> String {
    numbers.map(|number| format!("applied {}\n", MIGRATIONS[number - 1])).collect::<Vec<_>>().concat()
}

/// The tables exactly as the first `count` migrations make them: 2 are those of 0.1.0, 3 those of 0.2.0.
fn migrations(system: System, count: usize) -> String {
    let folder = match system {
        System::Sqlite => "sqlite",
        #[cfg(feature = "postgres")]
        System::Postgresql => "postgresql",
        #[cfg(feature = "mysql")]
        System::Mariadb => "mysql",
    };
    let read = |name: &str| {
        let path = format!("{}/migrations/{folder}/{name}/up.sql", env!("CARGO_MANIFEST_DIR"));
        fs::read_to_string(path).unwrap()
    };
    let tables: Vec<String> = MIGRATIONS[..count].iter().map(|name| read(name)).collect();
    let versions: Vec<String> = (1..=count).map(|number| format!("('{number:04}')")).collect();
    let wal = if system == System::Sqlite { "PRAGMA journal_mode = WAL;" } else { "" };
    format!(
        "{wal} {}
         CREATE TABLE __diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY NOT NULL,
            run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP);
         INSERT INTO __diesel_schema_migrations (version) VALUES {};",
        tables.concat(),
        versions.join(", ")
    )
}

/// Rows as 0.1.0 leaves them when it is killed: notification 1 is completed, with many outcomes. Notification 2 is running:
/// its worker on another machine has decided participants 1 to 100, and its lease has ended. The mail to participant 5 has
/// failed.
fn add_rows(scenario: &Scenario) {
    let numbers = |last: i64| {
        format!("WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {last})")
    };
    let columns =
        "(notification_id, participant_id, status, attempts, permanent, smtp_code, detail, decided_at)";
    scenario.ledger.execute(&format!(
        "INSERT INTO events (id, title) VALUES ({EVENT}, 'Ball');
         INSERT INTO participants (event_id, email, name) {people}
            SELECT {EVENT}, {address}, 'Ann' FROM number;
         INSERT INTO notifications (message_key, kind, event_id, max_participant_id, state, received_at, completed_at,
                acked_at, lease_owner, lease_until, epoch) VALUES
            ('done', 'CREATED', 9, {OUTCOMES}, 'completed', '2026-01-01 10:00:00', '2026-01-01 11:00:00',
                '2026-01-01 11:00:01', NULL, NULL, 1),
            ('running', 'UPDATED', {EVENT}, {PEOPLE}, 'running', '2026-01-02 10:00:00', NULL, NULL,
                'elsewhere:4711:8123:0:4026:1f2e', '2026-01-02 10:05:00', 3);
         INSERT INTO deliveries {columns} {thousands}
            SELECT 1, 1000 * (number.n - 1) + hundred.n, 'sent', 1, FALSE, 250, '2.0.0 Ok: queued as 8F2A41C0',
                '2026-01-01 10:30:00'
            FROM number, (SELECT id AS n FROM participants) AS hundred WHERE hundred.n <= 1000;
         INSERT INTO deliveries {columns} {hundred}
            SELECT 2, n, CASE n WHEN 5 THEN 'failed' ELSE 'sent' END, 1, FALSE, 250, NULL, '2026-01-02 10:01:00'
            FROM number;",
        people = numbers(1000),
        address = match scenario.environment["DATABASE_URL"].split_once("://") {
            Some(("mysql", _)) => "CONCAT('p', n, '@example.org')",
            _ => "'p' || n || '@example.org'",
        },
        // MariaDB counts to 1000 and no further.
        thousands = numbers(OUTCOMES / 1000),
        hundred = numbers(100),
    ));
    scenario.ledger.execute(&format!("DELETE FROM participants WHERE id > {PEOPLE}"));
}

/// Kills `fanmail migrate` when it has done some of its work, and not all of it.
fn kill_a_migration(scenario: &Scenario, system: System) {
    let lock = (system != System::Sqlite).then(|| scenario.ledger.lock_deliveries());
    let migration = scenario.start(&["migrate"]);
    wait_until("the migration to be in the middle", || is_in_the_middle(scenario, system));
    migration.kill();
    assert_eq!(
        scenario.ledger.count("__diesel_schema_migrations WHERE version = '0003'"),
        0,
        "it was quicker"
    );
    drop(lock);
}

/// SQLite has written some of its pages. A server waits for the table that this test has locked, with the first
/// statement behind it.
fn is_in_the_middle(scenario: &Scenario, system: System) -> bool {
    match system {
        System::Sqlite => fs::metadata(scenario.path("fanmail.db-wal")).is_ok_and(|wal| wal.len() > 3 << 20),
        #[cfg(feature = "postgres")]
        System::Postgresql => {
            let waits = "pg_locks WHERE NOT granted AND relation = 'deliveries'::regclass";
            scenario.ledger.count(waits) > 0
        }
        #[cfg(feature = "mysql")]
        System::Mariadb => {
            let waits = "information_schema.processlist WHERE db = DATABASE() AND info LIKE 'ALTER TABLE deliveries%'";
            scenario.ledger.count(waits) > 0
                && scenario.ledger.count("notifications WHERE channel = 'email'") == 2
        }
    }
}

/// The Message-IDs and addresses of the mails that the relay has accepted.
fn accepted(scenario: &Scenario) -> Vec<(String, String)> {
    let received = scenario.smtp.log().received;
    let accepted = received.into_iter().filter(|mail| mail.answer == BodyReply::Accepted);
    accepted.map(|mail| (mail.message_id, mail.recipient)).collect()
}

fn a_database_of_0_1_0_is_migrated_and_resumed(system: System) {
    let scenario = Scenario::with_relay("upgrade", 0)
        .database(system)
        .tables(migrations(system, 2))
        .env("LEASE_TIMEOUT", "2")
        .build();
    add_rows(&scenario);
    kill_a_migration(&scenario, system);
    assert_eq!(scenario.run_ok(&["migrate"]), applied(3..=MIGRATIONS.len()));
    assert_eq!(scenario.ledger.count("deliveries"), usize::try_from(OUTCOMES).unwrap() + 100);

    scenario.queue.publish("CREATED", 9, Some("done"));
    scenario.queue.publish("UPDATED", EVENT, Some("running"));
    let worker = scenario.worker();
    scenario.wait_for_acks(2);
    let id = |notification: i64, person: i64| format!("<n{notification}.p{person}@sender.example>");
    let mail = |person: i64| (id(2, person), format!("p{person}@example.org"));
    let mut expected: BTreeSet<_> = (101..=PEOPLE).map(mail).collect();
    let got = accepted(&scenario);
    assert_eq!((got.len(), got.into_iter().collect()), (200, expected.clone()), "nobody lost, nobody twice");

    scenario.publish("CANCELLED");
    scenario.wait_for_acks(3);
    worker.stop();
    scenario.run_ok(&["retry", "--notification", "2"]);
    let tagged = |person: i64| (scenario.ledger.message_id(3, person), format!("p{person}@example.org"));
    assert!(
        tagged(7).0.starts_with("<n3.p7.") && tagged(7).0.ends_with("@sender.example>"),
        "{:?}",
        tagged(7)
    );
    expected.extend((1..=PEOPLE).map(tagged));
    expected.insert(mail(5));
    let got = accepted(&scenario);
    assert_eq!((got.len(), got.into_iter().collect()), (501, expected));

    let lines = scenario.status();
    let states: Vec<_> =
        lines.iter().map(|line| (&line["state"], &line["failed"], &line["pending"])).collect();
    assert!(states.iter().all(|line| *line == (&"completed".into(), &0.into(), &0.into())), "{states:?}");
    assert_eq!(lines[0]["sent"], OUTCOMES);
    scenario.run_ok(&["purge", "--older-than", "90d"]);
}

fn a_database_of_a_newer_fanmail_is_refused(system: System) {
    let scenario = Scenario::with_relay("newer", 3).database(system).build();
    scenario.ledger.execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('0099')");
    let verbs: [&[&str]; 7] = [
        &["worker"],
        &["migrate"],
        &["seed", "--event", "7", "--participants", "1"],
        &["status"],
        &["retry", "--notification", "1"],
        &["purge", "--older-than", "90d"],
        &["preview", "--type", "UPDATED", "--event", "123"],
    ];
    let newest = MIGRATIONS[MIGRATIONS.len() - 1].split('_').next().unwrap();
    for verb in verbs {
        let ended = scenario.run(verb);
        assert_eq!(ended.code, Some(2), "{verb:?}: {ended:?}");
        for words in ["version 0099", &format!("needs version {newest}"), "install the newer fanmail"] {
            assert!(ended.err.contains(words), "{verb:?}: {}", ended.err);
        }
    }
    assert_eq!(scenario.queue.consumers(), 0);
    // It goes through all of its checks.
    let ended = scenario.run(&["check"]);
    assert!(ended.code == Some(1) && ended.out.contains("the tables have version 0099"), "{ended:?}");
}
