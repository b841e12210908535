//! What differs between the tables that a file may be for.

use crate::commands::import::bad_lines::BadLines;
use crate::commands::import::fields::{Fields, Reasons};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::source::importing::{ImportMode, Imported};

/// A table that lines are imported into, and what is remembered of the lines so far.
pub trait Target {
    /// What a line says.
    type Row;

    /// Reads a line.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    fn read(&mut self, fields: Fields<'_>) -> Result<Self::Row, Reasons>;

    /// Compares lines, each with its number, with what the database has. Returns those that can be imported.
    ///
    /// # Errors
    /// When the database does not answer.
    fn check(
        &mut self,
        store: &Store,
        rows: Vec<(u64, Self::Row)>,
        bad: &mut BadLines,
    ) -> Result<Vec<Self::Row>, StoreError>;

    /// Imports up to 1,000 rows, all or none.
    ///
    /// # Errors
    /// When the database does not answer or refuses a row.
    fn import(&self, store: &Store, rows: &[Self::Row], mode: ImportMode) -> Result<Imported, StoreError>;

    /// What a reader should know about the lines that were read.
    fn notes(&self) -> Vec<String>;
}

/// The value, or `None` with one more reason.
pub fn collect<T>(reasons: &mut Reasons, value: Result<T, String>) -> Option<T> {
    value.map_err(|reason| reasons.push(reason)).ok()
}
