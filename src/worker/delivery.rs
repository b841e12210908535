//! From a job to the relay: the queue, the lanes, and what slows or stops them. Writing outcomes is left to `recorder`,
//! SMTP to `channels`.

pub mod breaker;
pub mod commit_gate;
pub mod connection_limit;
pub mod job;
pub mod lane;
pub mod lane_shared;
pub mod pace;
pub mod queue;
pub mod refusal_check;
pub mod retry_policy;
pub mod silence;
pub mod submission;
pub mod throttles;
pub mod throttling;
