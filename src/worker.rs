//! The main job: messages in, fan-outs side by side, mails out, outcomes recorded.

pub mod fan_out;
