//! PostgreSQL.

#[cfg(feature = "postgres")]
pub(crate) mod connect;
pub(crate) mod deliveries;
#[cfg(feature = "postgres")]
pub(crate) mod dialect;
