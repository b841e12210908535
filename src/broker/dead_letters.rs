//! Dead letters: messages that cannot be processed, stored in `<queue>.dead` with their reasons; and what a person does with them.

mod answering;
mod broker_move;
pub mod browse;
pub(super) mod properties;
pub mod purge;
mod reader;
pub mod replay;
mod replay_channel;
pub(super) mod replay_properties;
pub mod selection;
pub(super) mod storing;
mod values;
pub mod view;
pub mod writer;
