//! A copy of the ledger, and the return to it, as a restore from a backup does: rows of the ledger that came later are
//! gone, and their ids are given a second time. The tables of the application stay as they are.

use diesel::connection::SimpleConnection as _;

use crate::ledger::Ledger;
use crate::ledger::connection::AnyConnection;

/// The tables of the ledger with rows that come and go. All but the last are as old as fanmail.
const TABLES: [&str; 5] = ["notifications", "deliveries", "deferrals", "recipients", "broker_sessions"];

/// A copy of the ledger, in tables of the same database.
pub struct LedgerCopy {
    tables: Vec<&'static str>,
    /// The id that the next notification gets.
    next_id: i64,
}

impl Ledger {
    /// Copies the ledger as it is now.
    pub fn copy(&self) -> LedgerCopy {
        let has_sessions = self.count("__diesel_schema_migrations WHERE version = '0004'") > 0;
        let tables: Vec<&str> = TABLES[..TABLES.len() - usize::from(!has_sessions)].to_vec();
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
