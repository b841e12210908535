//! A copy of the ledger, and the return to it, as a restore from a backup does: rows of the ledger that came later are
//! gone, and their ids are given a second time. The tables of the application stay as they are.

use diesel::connection::SimpleConnection as _;

use crate::ledger::Ledger;
use crate::ledger::connection::AnyConnection;

/// The tables of the ledger with rows that come and go, and the migrations that make them.
const TABLES: [(&str, &str); 6] = [
    ("notifications", "0001"),
    ("deliveries", "0001"),
    ("deferrals", "0003"),
    ("recipients", "0003"),
    ("broker_sessions", "0004"),
    ("outbox", "0006"),
];

/// A copy of the ledger, in tables of the same database.
pub struct LedgerCopy {
    tables: Vec<&'static str>,
    /// The id that the next notification gets.
    next_id: i64,
}

impl Ledger {
    /// Copies the ledger as it is now.
    pub fn copy(&self) -> LedgerCopy {
        let exists = |migration: &str| {
            self.count(&format!("__diesel_schema_migrations WHERE version = '{migration}'")) > 0
        };
        let tables: Vec<&str> =
            TABLES.into_iter().filter(|(_, migration)| exists(migration)).map(|(table, _)| table).collect();
        for table in &tables {
            self.execute(&format!(
                "DROP TABLE IF EXISTS copy_of_{table}; CREATE TABLE copy_of_{table} AS SELECT * FROM {table}"
            ));
        }
        let next_id = self.notifications().last().map_or(1, |row| row.id + 1);
        LedgerCopy { tables, next_id }
    }

    /// Goes back to the copy, the next id of a notification included, while other processes use the database.
    pub fn restore(&self, copy: &LedgerCopy) {
        let mut connection = self.open();
        let rows = copy
            .tables
            .iter()
            .map(|table| format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM copy_of_{table};"))
            .collect::<Vec<_>>()
            .concat();
        let next_id = copy.next_id;
        let statements = match &connection {
            AnyConnection::Sqlite(_) => format!(
                "BEGIN IMMEDIATE; {rows} UPDATE sqlite_sequence SET seq = {next_id} - 1 WHERE name = 'notifications'; COMMIT"
            ),
            #[cfg(feature = "postgres")]
            AnyConnection::Postgresql(_) => format!(
                "BEGIN; LOCK TABLE {} IN ACCESS EXCLUSIVE MODE; {rows} \
                 SELECT setval(pg_get_serial_sequence('notifications', 'id'), {next_id}, FALSE); COMMIT",
                copy.tables.join(", ")
            ),
            // The last statement commits, and cannot be undone.
            #[cfg(feature = "mysql")]
            AnyConnection::Mariadb(_) => {
                format!(
                    "START TRANSACTION; {rows} COMMIT; ALTER TABLE notifications AUTO_INCREMENT = {next_id}"
                )
            }
        };
        connection.batch_execute(&statements).unwrap();
    }
}
