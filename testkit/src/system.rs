//! The databases that this build supports.

use crate::database::Server;

/// A database that a scenario can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// A SQLite file.
    Sqlite,
    /// A database on the shared PostgreSQL server.
    #[cfg(feature = "postgres")]
    Postgresql,
    /// A database on the shared MariaDB server.
    #[cfg(feature = "mysql")]
    Mariadb,
}

impl System {
    /// The name of the test module for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            #[cfg(feature = "postgres")]
            Self::Postgresql => "postgresql",
            #[cfg(feature = "mysql")]
            Self::Mariadb => "mariadb",
        }
    }

    /// The kind of its server; none for SQLite.
    pub fn server(self) -> Option<Server> {
        match self {
            Self::Sqlite => None,
            #[cfg(feature = "postgres")]
            Self::Postgresql => Some(Server::Postgresql),
            #[cfg(feature = "mysql")]
            Self::Mariadb => Some(Server::Mariadb),
        }
    }
}
