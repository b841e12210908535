//! Text for people and for logs: cleaned, cut, and without addresses.

pub mod clean;
pub mod mask;
