//! A connection to any of the databases.

use diesel::SqliteConnection;

/// A connection to it.
#[derive(diesel::MultiConnection)]
pub enum AnyConnection {
    /// The path of a file, which may not be there yet.
    Sqlite(SqliteConnection),
    /// postgres://…
    #[cfg(feature = "postgres")]
    Postgresql(diesel::PgConnection),
    /// mysql://…
    #[cfg(feature = "mysql")]
    Mariadb(diesel::MysqlConnection),
}
