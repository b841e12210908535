//! Values that several verbs take.

use clap::ValueEnum;

use crate::domain::kind::Kind;

/// How a list is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// For programs
    Json,
}

/// Reads a kind in upper or lower case, to ease typing. Messages are stricter.
pub(crate) fn parse_kind(word: &str) -> Result<Kind, String> {
    Kind::from_word(&word.to_ascii_uppercase()).ok_or_else(|| format!("expected one of {}", Kind::words()))
}
