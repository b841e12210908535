//! Writes outcomes to the ledger in one statement: lock, check and insert. This costs one round trip; a transaction costs
//! five. The text is always the same, so it is prepared once, whatever the number of rows.

use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text};

use crate::domain::ids::{Epoch, NotificationId, ParticipantId};
use crate::store::ledger::deliveries::row::DeliveryRow;

/// This server's time, UTC, to the millisecond. Not the time at which the transaction began.
pub const TIME: &str = "date_trunc('milliseconds', clock_timestamp() AT TIME ZONE 'UTC')";

/// The rows, column by column.
pub struct RecordDeliveries<'a> {
    ids: &'a [NotificationId],
    notification_ids: Vec<NotificationId>,
    epochs: Vec<Epoch>,
    participant_ids: Vec<ParticipantId>,
    statuses: Vec<&'a str>,
    attempts: Vec<i32>,
    permanents: Vec<bool>,
    smtp_codes: Vec<Option<i32>>,
    details: Vec<Option<&'a str>>,
}

impl<'a> RecordDeliveries<'a> {
    pub fn new(ids: &'a [NotificationId], rows: &'a [DeliveryRow]) -> Self {
        fn column<'a, T>(rows: &'a [DeliveryRow], value: impl Fn(&'a DeliveryRow) -> T) -> Vec<T> {
            rows.iter().map(value).collect()
        }
        Self {
            ids,
            notification_ids: column(rows, |row| row.notification_id),
            epochs: column(rows, |row| row.epoch),
            participant_ids: column(rows, |row| row.participant_id),
            statuses: column(rows, |row| row.status),
            attempts: column(rows, |row| row.attempts),
            permanents: column(rows, |row| row.permanent),
            smtp_codes: column(rows, |row| row.smtp_code),
            details: column(rows, |row| row.detail.as_deref()),
        }
    }
}

/// FOR UPDATE returns the epochs of the rows as they are locked: under READ COMMITTED, a statement that had to wait for a
/// lock sees the row as it is afterwards
/// (<https://www.postgresql.org/docs/current/transaction-iso.html#XACT-READ-COMMITTED>).
const LOCKED: &str = "WITH locked AS MATERIALIZED (
        SELECT id, epoch FROM notifications WHERE id = ANY (";

const INSERTED: &str = ") ORDER BY id FOR UPDATE
    ), inserted AS (
        INSERT INTO deliveries (notification_id, participant_id, status, attempts, permanent, smtp_code, detail, decided_at)
        SELECT notification_id, participant_id, status, attempts, permanent, smtp_code, detail, ";

const FROM: &str = " FROM unnest(";

const CURRENT: &str =
    ") AS outcome (notification_id, epoch, participant_id, status, attempts, permanent, smtp_code, detail)
        JOIN locked ON locked.id = outcome.notification_id AND locked.epoch = outcome.epoch
        ON CONFLICT DO NOTHING
    )
    SELECT id, epoch FROM locked ORDER BY id";

impl QueryFragment<Pg> for RecordDeliveries<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(LOCKED);
        out.push_bind_param::<Array<BigInt>, _>(self.ids)?;
        out.push_sql(INSERTED);
        out.push_sql(TIME);
        out.push_sql(FROM);
        out.push_bind_param::<Array<BigInt>, _>(&self.notification_ids)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<BigInt>, _>(&self.epochs)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<BigInt>, _>(&self.participant_ids)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&self.statuses)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Integer>, _>(&self.attempts)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Bool>, _>(&self.permanents)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<Integer>>, _>(&self.smtp_codes)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<Text>>, _>(&self.details)?;
        out.push_sql(CURRENT);
        Ok(())
    }
}

/// The text is constant.
impl QueryId for RecordDeliveries<'_> {
    type QueryId = RecordDeliveries<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for RecordDeliveries<'_> {
    type SqlType = (BigInt, BigInt);
}

impl RunQueryDsl<PgConnection> for RecordDeliveries<'_> {}
