//! The plain types that every room speaks, and the decoding of a message body. No I/O here.

pub mod address;
pub mod age;
pub mod backoff;
pub mod event;
pub mod notification;
pub mod outcome;
pub mod participant;
pub mod render;
pub mod text;
