//! The main job: messages in, fan-outs side by side, mails out, outcomes recorded.
//!
//! ```text
//! broker thread ⇄ dispatcher ──► fan-outs ──► job queue ──► lanes ──► batch queue ──► recorder ──► ledger
//!   (broker)      one map of     one thread    (fair)        one SMTP    (group         commits, then tells
//!                 all events     each, pooled                connection  commit)        lane and fan-out
//!                      ▲            ▲ ▲                      each          ▲                │
//!                      │  results   │ └─ reports: retry, returned ┘        │                │
//!                      └────────────┘ └─ reports: recorded, refused ───────┼────────────────┤
//!                      └── an ack to record ───────────────────────────────┘    recorded ───┘
//!
//! opener ⇄ dispatcher: finds the notification of each message, and leases it; waits for the database in its place
//! deferral sweep: runs fan-outs for deferred mails that are due, through the same lanes
//! set-aside sweep: runs those of notifications again that could not be read
//! reminders: opens those of events that start soon, and hands them to the dispatcher
//! backlog: counts what is left to do, for the metrics
//! lease keeper: renews the leases of all fan-outs, and reports the worker as alive
//! database watch: notices a query without an answer
//! ```
//!
//! Threads: `broker` and its dead letters (in `broker`), the dispatcher (the main thread), `opener`, `fan-out-N` (at most
//! `PREFETCH`), `deferral-sweep` with `sweep-N` (at most 4), `set-aside-sweep`, `reminders`, `lane-N` (`SMTP_CONNECTIONS`), `recorder`, `announcer`, `leases`, `backlog`, `database-watch`, `relay-watch`. `threads`, `opener`, `fan_out_pool`, `lease::keeper` and `database_retry` start them, called from `app`.

pub mod announcer;
pub mod backlog;
pub mod database_retry;
pub mod deferral_sweep;
pub mod delivery;
pub mod dispatcher;
pub mod fan_out;
pub mod fan_out_handle;
pub(crate) mod fan_out_pool;
pub mod intake;
pub mod lease;
pub mod opener;
pub mod outbox;
pub mod recipient;
pub mod recorder;
pub mod reminders;
pub mod set_aside_sweep;
pub mod threads;
pub mod turns;

#[cfg(test)]
mod tests;
