//! The ledger: notifications, their outcomes, their deferrals and their leases.

pub mod abandoning;
pub mod acks;
pub mod batch;
pub mod completion;
pub mod decided;
pub mod deferrals;
pub mod deliveries;
pub mod failures;
pub(crate) mod identity;
pub mod installation;
pub mod leases;
pub mod live_sessions;
pub mod no_address;
pub mod notifications;
pub mod opening;
pub mod outbox;
pub mod recipients;
pub mod reminders;
pub mod retention;
pub mod retrying;
pub mod row;
pub mod same_address;
pub mod sessions;
pub mod set_aside;
pub mod snapshots;
pub mod tally;
