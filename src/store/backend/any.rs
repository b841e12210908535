//! One connection to any of the databases.

/// One connection to whichever database is configured.
#[derive(diesel::MultiConnection)]
pub enum AnyConnection {
    /// A SQLite file.
    Sqlite(diesel::SqliteConnection),
    /// A `PostgreSQL` server.
    #[cfg(feature = "postgres")]
    Postgres(diesel::PgConnection),
    /// A `MySQL` or `MariaDB` server.
    #[cfg(feature = "mysql")]
    Mysql(diesel::MysqlConnection),
}
