//! Text for people and for logs: cleaned, cut, and without addresses.

pub mod clean;
pub mod count;
pub mod mask;
pub mod timestamp;
