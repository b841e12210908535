//! Values of the application as `MySQL` and `MariaDB` send them. Keys are left to `dialect`.

use chrono::{NaiveDate, NaiveDateTime};
use diesel::deserialize::{self, FromSql};
use diesel::mysql::{Mysql, MysqlType, MysqlValue};
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Binary, Date, Double, Timestamp};
use diesel::{Column, QueryResult};

use crate::domain::event::DateOrTime;
use crate::domain::times;
use crate::store::backend::as_text::AsText;

/// Numbers and times would come as their bytes. CONCAT writes them as the database prints them, and leaves text and bytes as they
/// are; a CAST would make "?" or NULL of bytes that are not UTF-8.
impl<C: Column> QueryFragment<Mysql> for AsText<C> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Mysql>) -> QueryResult<()> {
        out.push_sql("CONCAT(");
        out.push_identifier(C::NAME)?;
        out.push_sql(")");
        Ok(())
    }
}

/// What is not UTF-8 is replaced (U+FFFD): a VARBINARY or a BLOB keeps any bytes.
pub fn read_text(value: MysqlValue<'_>) -> deserialize::Result<String> {
    let bytes = <Vec<u8> as FromSql<Binary, Mysql>>::from_sql(value)?;
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// A DATE is a whole day. A DATETIME is taken for UTC, and a TIMESTAMP is in the time zone of the connection, which is UTC. Text or
/// a number may have one of the forms that programs write.
pub fn read_time(value: MysqlValue<'_>) -> deserialize::Result<DateOrTime> {
    let time = match value.value_type() {
        MysqlType::Date => Some(DateOrTime::Date(<NaiveDate as FromSql<Date, Mysql>>::from_sql(value)?)),
        MysqlType::DateTime | MysqlType::Timestamp => {
            let time = <NaiveDateTime as FromSql<Timestamp, Mysql>>::from_sql(value)?;
            Some(DateOrTime::Time(time.and_utc()))
        }
        MysqlType::Float | MysqlType::Double => {
            times::from_real(<f64 as FromSql<Double, Mysql>>::from_sql(value)?)
        }
        MysqlType::Numeric | MysqlType::String | MysqlType::Blob | MysqlType::Enum | MysqlType::Set => {
            times::parse(&String::from_utf8_lossy(value.as_bytes()))
        }
        MysqlType::Time | MysqlType::Bit => None,
        _ => times::from_integer(<i64 as FromSql<BigInt, Mysql>>::from_sql(value)?),
    };
    time.ok_or_else(|| "not a time".into())
}
