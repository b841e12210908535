//! Transactions of other programs that stay open: one that has locked the outcomes, and one with changes that no other
//! connection sees yet.

use diesel::connection::SimpleConnection as _;

use crate::ledger::Ledger;
use crate::ledger::connection::AnyConnection;

/// A transaction that is open. Dropping it rolls it back.
pub struct OpenTransaction(AnyConnection);

impl OpenTransaction {
    /// Runs further statements in it.
    pub fn execute(&mut self, statements: &str) {
        self.0.batch_execute(statements).unwrap();
    }

    /// From now on the others see its changes.
    pub fn commit(mut self) {
        self.execute("COMMIT");
    }
}

impl Ledger {
    /// Begins a transaction with these statements. A SQLite file has one writer: nothing else writes until the end.
    pub fn begin(&self, statements: &str) -> OpenTransaction {
        let mut transaction = OpenTransaction(self.open());
        transaction.execute("BEGIN");
        transaction.execute(statements);
        transaction
    }

    /// Locks the outcomes: no other connection can write them until the result is dropped.
    pub fn lock_deliveries(&self) -> AnyConnection {
        self.lock("deliveries")
    }

    /// The same for any table of the database. In a SQLite file, nothing at all can be written.
    #[cfg_attr(
        not(any(feature = "mysql", feature = "postgres")),
        expect(unused_variables, reason = "SQLite has one lock for all tables")
    )]
    pub fn lock(&self, table: &str) -> AnyConnection {
        let mut connection = self.open();
        let lock = match &connection {
            AnyConnection::Sqlite(_) => "BEGIN IMMEDIATE".to_owned(),
            #[cfg(feature = "postgres")]
            AnyConnection::Postgresql(_) => format!("BEGIN; LOCK TABLE {table} IN EXCLUSIVE MODE"),
            #[cfg(feature = "mysql")]
            AnyConnection::Mariadb(_) => format!("LOCK TABLES {table} READ"),
        };
        connection.batch_execute(&lock).unwrap();
        connection
    }
}
