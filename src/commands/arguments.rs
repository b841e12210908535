//! Values that several verbs take.

use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::domain::kind::Kind;

/// How a list is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// For programs
    Json,
}

/// Reads a kind in upper or lower case, to ease typing, with `ignore_case`. Messages are stricter. Shells complete the words.
pub(crate) fn kind_parser() -> impl TypedValueParser<Value = Kind> {
    let words = PossibleValuesParser::new(Kind::OF_EVENTS.map(Kind::as_str));
    words.try_map(|word| {
        Kind::of_event(&word.to_ascii_uppercase()).ok_or_else(|| format!("expected one of {}", Kind::words()))
    })
}

/// What `verb` says about a table `participants` that fanmail has not created.
#[must_use]
pub fn own_tables_only(verb: &str) -> String {
    format!(
        "participants.id is text, and `fanmail {verb}` writes only to tables that fanmail created, whose keys are whole \
         numbers; add the rows to your own table, or set DATABASE_URL to another database"
    )
}
