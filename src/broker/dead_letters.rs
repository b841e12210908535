//! Dead letters: messages that cannot be processed, stored in `<queue>.dead` with their reasons.

mod answering;
pub mod browse;
pub(super) mod properties;
pub(super) mod storing;
pub mod writer;
