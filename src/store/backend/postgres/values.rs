//! Values of the application as `PostgreSQL` sends them. Keys are left to `dialect`.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use diesel::data_types::PgNumeric;
use diesel::deserialize::{self, FromSql};
use diesel::pg::{Pg, PgValue};
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{Date, Double, Float, Numeric, Timestamp, Timestamptz};
use diesel::{Column, QueryResult};

use crate::domain::event::DateOrTime;
use crate::domain::times;
use crate::store::backend::as_text::AsText;
use crate::store::backend::postgres::dialect::read_key;

/// Types by their numbers in `pg_type`, which never change.
mod oid {
    pub const BYTEA: u32 = 17;
    pub const NAME: u32 = 19;
    pub const BIGINT: u32 = 20;
    pub const SMALLINT: u32 = 21;
    pub const INTEGER: u32 = 23;
    pub const TEXT: u32 = 25;
    pub const REAL: u32 = 700;
    pub const DOUBLE: u32 = 701;
    pub const CHAR: u32 = 1042;
    pub const VARCHAR: u32 = 1043;
    pub const DATE: u32 = 1082;
    pub const TIMESTAMP: u32 = 1114;
    pub const TIMESTAMPTZ: u32 = 1184;
    pub const NUMERIC: u32 = 1700;
    /// The first type that is not built in, such as citext or an enumeration: its bytes may be text.
    pub const FIRST_OF_OTHERS: u32 = 16384;
}

/// Every type has a text, which is sent as it is. That of a bytea would be `\x4a6f`, so that its bytes are sent.
impl<C: Column> QueryFragment<Pg> for AsText<C> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("CASE WHEN pg_typeof(");
        out.push_identifier(C::NAME)?;
        out.push_sql(") = 'bytea'::regtype THEN ");
        out.push_identifier(C::NAME)?;
        // Not reached for other types, and without the text the statement would be refused for them.
        out.push_sql("::text::bytea ELSE textsend(");
        out.push_identifier(C::NAME)?;
        out.push_sql("::text) END");
        Ok(())
    }
}

/// What is not UTF-8 is replaced (U+FFFD): a database with the encoding `SQL_ASCII` keeps any bytes as text.
#[expect(clippy::unnecessary_wraps, reason = "the same for every database")]
pub fn read_text(value: PgValue<'_>) -> deserialize::Result<String> {
    Ok(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// A type for times, where a time without a zone is UTC; or text or a number in one of the forms that programs write.
pub fn read_time(value: PgValue<'_>) -> deserialize::Result<DateOrTime> {
    let oid = value.get_oid().get();
    let time = match oid {
        oid::DATE => Some(DateOrTime::Date(<NaiveDate as FromSql<Date, Pg>>::from_sql(value)?)),
        oid::TIMESTAMP => {
            let time = <NaiveDateTime as FromSql<Timestamp, Pg>>::from_sql(value)?;
            Some(DateOrTime::Time(time.and_utc()))
        }
        oid::TIMESTAMPTZ => {
            Some(DateOrTime::Time(<DateTime<Utc> as FromSql<Timestamptz, Pg>>::from_sql(value)?))
        }
        oid::SMALLINT | oid::INTEGER | oid::BIGINT => times::from_integer(read_key(value)?),
        oid::REAL => times::from_real(<f32 as FromSql<Float, Pg>>::from_sql(value)?.into()),
        oid::DOUBLE => times::from_real(<f64 as FromSql<Double, Pg>>::from_sql(value)?),
        oid::NUMERIC => {
            positive(&<PgNumeric as FromSql<Numeric, Pg>>::from_sql(value)?).and_then(times::from_real)
        }
        oid::TEXT | oid::VARCHAR | oid::CHAR | oid::NAME | oid::BYTEA | oid::FIRST_OF_OTHERS.. => {
            times::parse(&String::from_utf8_lossy(value.as_bytes()))
        }
        _ => None,
    };
    time.ok_or_else(|| "not a time".into())
}

/// The number, if it is not negative. Its digits are those of the base 10,000, from the highest on.
fn positive(number: &PgNumeric) -> Option<f64> {
    let PgNumeric::Positive { weight, digits, .. } = number else { return None };
    let mut power = 10_000_f64.powi((*weight).into());
    let mut sum = 0.0;
    for digit in digits {
        sum += f64::from(*digit) * power;
        power /= 10_000.0;
    }
    Some(sum)
}
