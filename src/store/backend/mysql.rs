//! MySQL and MariaDB.

#[cfg(feature = "mysql")]
pub(crate) mod connect;
#[cfg(feature = "mysql")]
pub(crate) mod dialect;
