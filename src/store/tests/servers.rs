//! What only concerns databases that are servers: they restart, freeze, refuse, and have others at work on them.

use super::*;
use crate::store::StoreError;

#[expect(dead_code, reason = "other tests need the rest")]
#[path = "../../../tests/support"]
mod support {
    pub mod database;
    pub mod guardian;
    pub mod ports;
    pub mod wait;
}

pub use support::database::{Database, Server};

/// An empty database of a server.
pub fn empty(database: &Database) -> Store {
    connect(&database.create_database(), 4).unwrap()
}

/// A database of a server with the tables in it.
pub fn migrated(database: &Database) -> Store {
    let store = empty(database);
    assert_eq!(store.migrate().unwrap(), ["0001_tables", "0002_workers"]);
    store
}

pub fn connect(url: &str, pool_size: u32) -> Result<Store, StoreError> {
    let config = DatabaseConfig { backend: Backend::parse(url).unwrap(), echo: false };
    Store::connect(&config, pool_size)
}
