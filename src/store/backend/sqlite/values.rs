//! Values of the application as SQLite keeps them: each row may have a value of another type, and the text of a file may be
//! UTF-16. Keys are left to `dialect`.

use diesel::deserialize;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sqlite::{Sqlite, SqliteType, SqliteValue};
use diesel::{Column, QueryResult};

use crate::domain::event::DateOrTime;
use crate::domain::times;
use crate::store::backend::as_text::AsText;

/// SQLite writes a number as text when the text of it is read.
impl<C: Column> QueryFragment<Sqlite> for AsText<C> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_identifier(C::NAME)
    }
}

/// Text, which SQLite converts from UTF-16; numbers as it prints them; bytes as they are. What is not UTF-8 is replaced (U+FFFD).
#[expect(clippy::unnecessary_wraps, reason = "the same for every database")]
pub fn read_text(mut value: SqliteValue<'_, '_, '_>) -> deserialize::Result<String> {
    // As text, bytes would be taken for UTF-16 in a file whose text is.
    Ok(match value.value_type() {
        Some(SqliteType::Binary) => String::from_utf8_lossy(value.read_blob()).into_owned(),
        _ => value.read_text().to_owned(),
    })
}

/// Text or a number in one of the forms that programs write. Without an offset it is UTC.
pub fn read_time(mut value: SqliteValue<'_, '_, '_>) -> deserialize::Result<DateOrTime> {
    let time = match value.value_type() {
        Some(SqliteType::Long) => times::from_integer(value.read_long()),
        Some(SqliteType::Double) => times::from_real(value.read_double()),
        Some(SqliteType::Binary) => times::parse(&String::from_utf8_lossy(value.read_blob())),
        _ => times::parse(value.read_text()),
    };
    time.ok_or_else(|| "not a time".into())
}
