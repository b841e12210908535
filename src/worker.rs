//! The main job: messages in, fan-outs side by side, mails out, outcomes recorded.
//!
//! ```text
//! dispatcher ── one thread per running notification: fan_out ──► jobs ──► lanes ──► recorder
//!                      ▲ reports (recorded, retry, returned) ◄──────────────┴──────────┘
//! ```

pub mod breaker;
pub mod context;
pub mod crew;
pub mod desk;
pub mod dispatcher;
pub mod fan_out;
mod hands;
pub mod job;
pub mod jobs;
pub mod lane;
pub mod last_outcome;
pub mod leases;
pub mod owner;
pub mod pace;
pub mod pages;
pub mod patience;
pub mod places;
pub mod recorder;
pub mod retry;

#[cfg(test)]
mod tests;
