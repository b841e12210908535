//! Dead letters: messages that nobody can process, kept with their reasons.

pub mod browse;
pub(super) mod properties;
pub mod writer;
