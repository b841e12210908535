//! What differs between databases: one folder each, and the dispatch between them.

pub(crate) mod any;
pub(crate) mod as_text;
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub(crate) mod catalogue;
pub(crate) mod clock;
pub(crate) mod dispatch;
pub(crate) mod errors;
pub(crate) mod grants;
pub(crate) mod insert_parts;
pub(crate) mod known_error;
#[cfg(feature = "mysql")]
pub(crate) mod mysql;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
pub(crate) mod prepared;
pub(crate) mod snapshots;
pub(crate) mod sqlite;
pub(crate) mod starts;
pub(crate) mod statement;
pub(crate) mod transaction;
