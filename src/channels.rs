//! The ways to reach people. One folder a channel.

pub mod email;
