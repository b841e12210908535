//! A connection to any of the databases.

use diesel::SqliteConnection;

/// A connection to a database.
#[derive(diesel::MultiConnection)]
pub enum AnyConnection {
    /// The path of a SQLite file. SQLite creates a missing file.
    Sqlite(SqliteConnection),
    /// A URL postgres://…
    #[cfg(feature = "postgres")]
    Postgresql(diesel::PgConnection),
    /// A URL mysql://…
    #[cfg(feature = "mysql")]
    Mariadb(diesel::MysqlConnection),
}
