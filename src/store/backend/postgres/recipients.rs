//! Appends to the list of recipients in one statement: lock, check and insert. This costs one round trip; a transaction costs
//! five. The text is always the same, so it is prepared once, whatever the number of keys.

use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text};

use crate::domain::audience::Listing;
use crate::domain::ids::{Epoch, NotificationId, ParticipantId};
use crate::store::ledger::recipients::row::{Appended, NewRecipients};

/// A page of keys, and how far the list is then.
pub struct AppendRecipients<'a> {
    notification_id: NotificationId,
    epoch: Epoch,
    after: ParticipantId,
    keys: &'a [&'a str],
    end: Option<ParticipantId>,
}

/// FOR UPDATE waits for another transaction that changes the epoch, and then sees it. The commit does not wait for the disk: an
/// outcome that names one of these numbers is committed later, and its commit writes all that came before it to the disk
/// (<https://www.postgresql.org/docs/current/wal-async-commit.html>). If the server crashes before, no outcome names them.
///
/// The list has no gap, so it is longer if it has the next number. Asked for any larger number, the planner reads the lists of all
/// notifications, because it expects to find one at once.
const LOCKED: &str = "WITH locked AS MATERIALIZED (
        SELECT id, max_participant_id < 0 AND NOT EXISTS (SELECT FROM recipients
            WHERE notification_id = notifications.id AND recipients.id = 1 + ";

const IS_LAST: &str = ") AS is_open FROM notifications WHERE id = ";

const OF_EPOCH: &str = " AND epoch = ";

const INSERTED: &str = " FOR UPDATE
    ), inserted AS (
        INSERT INTO recipients (notification_id, id, user_key)
        SELECT locked.id, number + ";

const KEYS: &str = ", user_key FROM locked, unnest(";

const LISTED: &str = ") WITH ORDINALITY AS page (user_key, number) WHERE is_open
    ), listed AS (
        UPDATE notifications SET max_participant_id = page.max_participant_id FROM locked, (SELECT ";

const IS_OPEN: &str = " AS max_participant_id) AS page
        WHERE notifications.id = locked.id AND is_open AND page.max_participant_id IS NOT NULL
    )
    SELECT is_open, set_config('synchronous_commit', 'off', true) FROM locked";

impl<'a> AppendRecipients<'a> {
    pub fn new(new: &NewRecipients<'a>) -> Self {
        Self {
            notification_id: new.lease.notification_id,
            epoch: new.lease.epoch,
            after: new.after,
            keys: new.keys,
            end: new.listing.map(Listing::end),
        }
    }

    pub fn append(self, postgres: &mut PgConnection) -> QueryResult<Appended> {
        let rows: Vec<(bool, String)> = self.load(postgres)?;
        Ok(match rows.first() {
            Some((true, _)) => Appended::Done,
            Some((false, _)) => Appended::Moved,
            None => Appended::LeaseLost,
        })
    }
}

impl QueryFragment<Pg> for AppendRecipients<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(LOCKED);
        out.push_bind_param::<BigInt, _>(&self.after)?;
        out.push_sql(IS_LAST);
        out.push_bind_param::<BigInt, _>(&self.notification_id)?;
        out.push_sql(OF_EPOCH);
        out.push_bind_param::<BigInt, _>(&self.epoch)?;
        out.push_sql(INSERTED);
        out.push_bind_param::<BigInt, _>(&self.after)?;
        out.push_sql(KEYS);
        out.push_bind_param::<Array<Text>, _>(self.keys)?;
        out.push_sql(LISTED);
        out.push_bind_param::<Nullable<BigInt>, _>(&self.end)?;
        out.push_sql(IS_OPEN);
        Ok(())
    }
}

/// The text is constant.
impl QueryId for AppendRecipients<'_> {
    type QueryId = AppendRecipients<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for AppendRecipients<'_> {
    type SqlType = (Bool, Text);
}

impl RunQueryDsl<PgConnection> for AppendRecipients<'_> {}
