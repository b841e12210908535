//! What a participant reads: loads, checks and renders templates. How a channel sends the result is left to `channels`.

pub(crate) mod catalogue;
pub(crate) mod check;
pub(crate) mod dates;
pub mod error;
pub(crate) mod explain;
pub(crate) mod folder;
pub(crate) mod layout;
pub(crate) mod loader;
pub mod renderer;
pub mod sample;
pub mod templates_dir;
pub(crate) mod view;
