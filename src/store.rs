//! The database: every SQL statement of the house, each a small function named for its intent. Knows no mail
//! and no broker.

pub mod connection;
pub mod events;
pub mod ledger;
pub mod migrations;
pub mod participants;
pub mod schema;

/// A pool of connections to one database. Cheap to clone; its methods block.
#[derive(Clone)]
pub struct Store {}

/// What went wrong in the database.
#[derive(Debug, thiserror::Error)]
#[error("database: {message}")]
pub struct StoreError {
    message: String,
}
