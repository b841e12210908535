//! What differs between databases.

pub(crate) mod any;
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub(crate) mod catalogue;
pub(crate) mod clock;
pub(crate) mod dispatch;
#[cfg(feature = "mysql")]
pub mod mysql;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod sqlite;
pub(crate) mod transaction;
