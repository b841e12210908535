//! What a recipient reads: templates, their check, and the rendering.

pub(crate) mod catalogue;
pub(crate) mod check;
pub(crate) mod dates;
pub mod error;
pub(crate) mod explain;
pub(crate) mod layout;
pub(crate) mod loader;
pub mod renderer;
pub mod sample;
pub(crate) mod view;
