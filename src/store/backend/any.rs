//! One connection to any of the databases, and the list of databases: code that depends on the database goes through
//! the macros here. What each database does is left to its folder.

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

/// Whether a command may create a database and change its settings, or must leave it as it finds it. Servers have no such
/// settings of ours, and create nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preparation {
    /// Create a file that does not exist, and switch it to WAL.
    Prepare,
    /// Fail if there is no such file, and leave the mode of its journal alone: it may be another program's.
    LeaveAsIs,
}

/// Calls a function, or reads a constant, of the database that a value belongs to. The value is an `AnyConnection`, a
/// `MultiRawValue` or a `Backend` of the configuration; each of them has one variant for each database.
///
/// `dispatch!(connection, AnyConnection(own) => dialect::version(own))` calls `sqlite::dialect::version(own)` if
/// `connection` is `AnyConnection::Sqlite(own)`. With a block instead of the call, the block is compiled for each database: for
/// statements that are the same everywhere and that diesel cannot build for all databases at once.
macro_rules! dispatch {
    ($value:expr, $enum:ident($own:pat) => $statements:block) => {
        match $value {
            $enum::Sqlite($own) => $statements,
            #[cfg(feature = "postgres")]
            $enum::Postgres($own) => $statements,
            #[cfg(feature = "mysql")]
            $enum::Mysql($own) => $statements,
        }
    };
    ($value:expr, $enum:ident($own:pat) => $module:ident::$function:ident($($argument:expr),*)) => {
        match $value {
            $enum::Sqlite($own) => $crate::store::backend::sqlite::$module::$function($($argument),*),
            #[cfg(feature = "postgres")]
            $enum::Postgres($own) => $crate::store::backend::postgres::$module::$function($($argument),*),
            #[cfg(feature = "mysql")]
            $enum::Mysql($own) => $crate::store::backend::mysql::$module::$function($($argument),*),
        }
    };
    ($value:expr, $enum:ident => $module:ident::$constant:ident) => {
        match $value {
            $enum::Sqlite(_) => $crate::store::backend::sqlite::$module::$constant,
            #[cfg(feature = "postgres")]
            $enum::Postgres(_) => $crate::store::backend::postgres::$module::$constant,
            #[cfg(feature = "mysql")]
            $enum::Mysql(_) => $crate::store::backend::mysql::$module::$constant,
        }
    };
}
pub(crate) use dispatch;

/// Adds rows to a table, so many with each statement that it does not become too long.
macro_rules! insert {
    ($rows:expr, $table:ident, $connection:expr) => {
        $rows.chunks($crate::store::schema::INSERT_ROWS).try_for_each(|rows| {
            dispatch!($connection, AnyConnection(own) => {
                diesel::insert_into($table::table).values(rows).execute(own).map(drop)
            })
        })
    };
}
pub(crate) use insert;

/// A constant of every database, as an array.
macro_rules! of_every_database {
    ($module:ident::$constant:ident) => {
        [
            $crate::store::backend::sqlite::$module::$constant,
            #[cfg(feature = "postgres")]
            $crate::store::backend::postgres::$module::$constant,
            #[cfg(feature = "mysql")]
            $crate::store::backend::mysql::$module::$constant,
        ]
    };
}
pub(crate) use of_every_database;
