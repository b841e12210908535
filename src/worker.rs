//! The main job: messages in, fan-outs side by side, mails out, outcomes recorded.
//!
//! ```text
//! dispatcher ── one thread per running notification: fan_out ──► jobs ──► lanes ──► recorder
//!                      ▲ reports (recorded, retry, returned) ◄──────────────┴──────────┘
//! ```

pub mod database_retry;
pub mod delivery;
pub mod dispatcher;
pub mod fan_out;
pub mod fan_out_handle;
pub(crate) mod fan_out_pool;
pub mod lease;
pub mod recipient;
pub mod recorder;
pub mod threads;

#[cfg(test)]
mod tests;
