//! The kinds of database that this build knows.

use crate::database::Server;

/// Which kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// A file.
    Sqlite,
    /// On the server that most tests share.
    #[cfg(feature = "postgres")]
    Postgresql,
    /// On the server that most tests share.
    #[cfg(feature = "mysql")]
    Mariadb,
}

impl System {
    /// As the modules of tests are called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            #[cfg(feature = "postgres")]
            Self::Postgresql => "postgresql",
            #[cfg(feature = "mysql")]
            Self::Mariadb => "mariadb",
        }
    }

    /// The kind of its server, if it has one.
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
