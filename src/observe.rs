//! What operators see: metrics, health and logs.

pub mod health;
pub mod logging;
pub mod metrics;
