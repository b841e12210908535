//! Leases: the right of one worker to work on a notification. The table and its rules are left to the ledger.

pub mod held;
pub mod keeper;
pub mod presence;
mod registry;
pub(crate) mod staleness;
pub mod wait;
