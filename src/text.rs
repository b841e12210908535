//! Text for people and for logs: cleaned, cut, and with addresses masked; and names of domains.

pub mod clean;
pub mod color;
pub mod count;
pub mod domain_name;
pub mod duration;
pub mod links;
pub mod mask;
pub mod screen;
pub mod shell;
pub mod table;
pub mod timestamp;
