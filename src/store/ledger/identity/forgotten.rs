//! Notifications whose acks the broker may have forgotten: rule 4, and what rule 3 says about them. The rules are explained in the
//! folder above.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::store::backend::any::AnyConnection;
use crate::store::ledger::identity::candidates::{self, Candidate, Forgotten};
use crate::store::ledger::identity::sessions::Sessions;
use crate::store::ledger::identity::{Identities, Match};
use crate::store::ledger::opening::{Arrival, Watermarks};
use crate::store::schema::notifications;

impl Identities<'_> {
    /// Rules 4 and 5.
    pub(super) fn find_forgotten(
        &mut self,
        connection: &mut AnyConnection,
        arrival: &Arrival,
        asked_at: NaiveDateTime,
        sessions: &Sessions<'_>,
        watermarks: &mut Watermarks,
    ) -> QueryResult<Match> {
        let acked = self.forgotten(connection, arrival, asked_at, sessions, watermarks)?;
        let certain = acked.iter().find(|acked| acked.certain);
        let Some(acked) = certain.or(acked.first()) else { return Ok(Match::New) };
        let found = candidates::find_by_id(connection, acked.id, self.clock)?;
        if certain.is_none() {
            return Ok(Match::Undetermined { asked_at, candidate: Box::new(found.record) });
        }
        let candidate = self.add(found);
        self.raise(watermarks, arrival.receipt, candidate);
        Ok(Match::Known { candidate, forgotten: true })
    }

    /// The equal notifications whose acks may have been forgotten.
    pub(super) fn forgotten(
        &self,
        connection: &mut AnyConnection,
        arrival: &Arrival,
        asked_at: NaiveDateTime,
        sessions: &Sessions<'_>,
        watermarks: &Watermarks,
    ) -> QueryResult<Vec<Forgotten>> {
        let mut forgotten =
            candidates::find_forgotten(connection, arrival.message, &sessions.forgotten_acks(asked_at))?;
        forgotten.retain(|acked| {
            watermarks.allow(&acked.session, acked.tag)
                && !self.candidates.iter().any(|taken| taken.record.notification.id == acked.id)
        });
        Ok(forgotten)
    }

    /// The message was the first of equal ones to come, and may be that of the oldest notification of its old session. It has got
    /// another one, so the oldest one stands for the message of that one.
    pub(super) fn exchange(
        &self,
        connection: &mut AnyConnection,
        candidate: usize,
        forgotten: &[Forgotten],
    ) -> QueryResult<()> {
        let Candidate { record, delivery_tag } = &self.candidates[candidate];
        let is_older = |acked: &&Forgotten| {
            Some(&acked.session) == record.broker_session.as_ref() && Some(acked.tag) < *delivery_tag
        };
        let Some(oldest) = forgotten.iter().find(is_older) else { return Ok(()) };
        diesel::update(notifications::table.find(oldest.id))
            .set(notifications::delivery_tag.eq(delivery_tag))
            .execute(connection)
            .map(drop)
    }
}
