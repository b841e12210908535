//! Creating tables, and finding views of the application in their place.

use super::*;

pub fn processes_may_migrate_at_once(server: Server) {
    let url = Database::shared_without_disk_waits(server).create_database();
    let applied: usize = std::thread::scope(|scope| {
        let processes: Vec<_> = (0..6)
            .map(|_| {
                scope.spawn(|| {
                    let store = connect(&url, 1).unwrap();
                    let applied = store.migrate().unwrap().len();
                    store.check_schema().unwrap();
                    applied
                })
            })
            .collect();
        processes.into_iter().map(|process| process.join().unwrap()).sum()
    });
    assert_eq!(applied, MIGRATIONS.len(), "each of them once");
}

/// A team's own tables, with views of the names that fanmail reads.
const TEAMS_TABLES: &str = "
    CREATE TABLE party (number INTEGER PRIMARY KEY, heading VARCHAR(99), begins TIMESTAMP NULL);
    CREATE TABLE guest (number INTEGER PRIMARY KEY, party INTEGER, mail VARCHAR(99), gone BOOLEAN);
    CREATE VIEW events AS SELECT number AS id, heading AS title, NULL AS description, NULL AS location,
        begins AS starts_at, NULL AS ends_at, NULL AS timezone, NULL AS url, NULL AS updated_at FROM party;
    CREATE VIEW participants AS SELECT number AS id, party AS event_id, mail AS email, NULL AS name,
        NULL AS locale FROM guest WHERE NOT gone;
    INSERT INTO party VALUES (7, 'Ball', '2026-11-21 20:00:00');
    INSERT INTO guest VALUES (1, 7, 'a@example.com', false), (2, 7, 'b@example.com', true), (3, 7, NULL, false)";

pub fn views_may_stand_for_the_tables(server: Server) {
    let store = empty(server);
    execute(&store, TEAMS_TABLES);
    store.migrate().unwrap();
    store.check_schema().unwrap();
    assert_eq!(store.find_views().unwrap(), ["events", "participants"]);
    let event = store.find_event(EVENT).unwrap().unwrap();
    assert_eq!((event.id, event.title.as_str(), event.timezone.as_str()), (EVENT, "Ball", "UTC"));
    assert_eq!(shown(event.starts_at).unwrap(), "2026-11-21T20:00:00+00:00");
    let notification = open(&store);
    assert_eq!(notification.audience, participants_up_to(3));
    let page = page(&store, 0, 3, 100);
    assert_eq!(page.iter().map(|person| person.id.0).collect::<Vec<_>>(), [1, 3]);
    assert_eq!((page[1].email.as_ref(), page[1].name.as_str()), (None, ""));
    record(&store, &notification, Status::Sent, [1]);
    let tally = store.tally(&notification).unwrap();
    assert_eq!((tally.participants, tally.sent, tally.pending), (2, 1, 1));

    execute(
        &store,
        "DROP VIEW participants; CREATE VIEW participants AS SELECT mail AS id, party AS event_id, mail AS email,
            NULL AS name, NULL AS locale FROM guest",
    );
    settle(&store);
    store.check_schema().unwrap();
    assert_eq!(open(&store).audience, Audience::Recipients { id: EVENT });
    execute(
        &store,
        "DROP VIEW participants; CREATE VIEW participants AS SELECT number AS id, mail AS event_id, mail AS email,
            NULL AS name, NULL AS locale FROM guest",
    );
    settle(&store);
    let message = store.check_schema().unwrap_err().to_string();
    assert!(
        message.contains(
            "events.id holds whole numbers, but participants.event_id holds text; fanmail compares them"
        ),
        "{message}"
    );
}

pub fn missing_tables_are_named(server: Server) {
    let message = empty(server).check_schema().unwrap_err().to_string();
    assert!(
        message.contains("events") && message.ends_with("; otherwise only run `fanmail migrate`"),
        "{message}"
    );
}

pub fn a_view_that_lacks_a_column_is_named(server: Server) {
    let store = empty(server);
    execute(&store, "CREATE VIEW participants AS SELECT 1 AS id, 7 AS event_id, 'a@example.com' AS email");
    store.migrate().unwrap();
    let message = store.check_schema().unwrap_err().to_string();
    assert!(
        message
            .contains("could not read participants: it has no columns name, locale; a view of your own must"),
        "{message}"
    );
}

/// Every column by its table, apart from the table of the migrations themselves.
fn columns(store: &Store, catalogue: &str) -> Vec<(String, String)> {
    #[derive(Debug, diesel::QueryableByName)]
    struct Column {
        #[diesel(sql_type = diesel::sql_types::Text)]
        t: String,
        #[diesel(sql_type = diesel::sql_types::Text)]
        c: String,
    }
    let mut columns: Vec<_> = store
        .run("list columns", |connection| {
            diesel::RunQueryDsl::load::<Column>(diesel::sql_query(catalogue), connection)
        })
        .unwrap()
        .into_iter()
        .map(|column| (column.t, column.c))
        .filter(|(table, _)| !table.starts_with("__") && !table.starts_with("sqlite_"))
        .collect();
    columns.sort_unstable();
    columns
}

pub fn the_tables_are_those_of_sqlite(server: Server) {
    let (_dir, sqlite) = empty_sqlite();
    sqlite.migrate().unwrap();
    let expected = columns(
        &sqlite,
        "SELECT m.name AS t, c.name AS c FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'",
    );
    assert!(expected.len() > 20, "{expected:?}");
    let catalogue = match server {
        Server::Postgresql => {
            "SELECT table_name::text AS t, column_name::text AS c FROM information_schema.columns
             WHERE table_schema = 'public'"
        }
        Server::Mariadb => {
            "SELECT table_name AS t, column_name AS c FROM information_schema.columns
             WHERE table_schema = DATABASE()"
        }
    };
    assert_eq!(columns(&migrated(server), catalogue), expected);
}
