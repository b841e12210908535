//! What a participant reads: loads, checks and renders templates. How a channel sends the result is left to `channels`.

pub(crate) mod by_tag;
pub(crate) mod calendar;
pub(crate) mod catalogue;
pub(crate) mod check;
pub(crate) mod dates;
pub mod description;
pub mod error;
pub(crate) mod explain;
pub(crate) mod folder;
pub(crate) mod json_ld;
pub(crate) mod layout;
pub mod lint;
pub(crate) mod loader;
pub(crate) mod locales;
pub(crate) mod place;
pub mod renderer;
pub(crate) mod rich_text;
pub mod sample;
pub(crate) mod tag;
pub(crate) mod template_set;
pub mod templates_dir;
pub(crate) mod text;
pub(crate) mod texts;
pub(crate) mod timing;
pub(crate) mod view;
pub(crate) mod words;
