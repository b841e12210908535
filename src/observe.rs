//! What operators see: metrics, health and logs. `events` updates all three when something changes.

pub mod events;
pub mod exposition;
pub mod health;
pub mod logging;
pub mod metrics;
pub mod progress;
pub mod traceparents;
