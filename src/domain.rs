//! The plain types that every room speaks, and the decoding of a message body. No I/O here.

pub mod backoff;
pub mod content;
pub mod event;
pub mod notification;
pub mod outcome;
pub mod participant;
