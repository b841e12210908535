//! Leases: the right of one worker to work on a notification.

pub mod held;
pub mod keeper;
mod staleness;
