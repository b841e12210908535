//! Notifications whose acks the broker may have forgotten: rule 4, and what rule 3 says about them. The rules are explained in the
//! folder above.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::store::backend::any::AnyConnection;
use crate::store::backend::errors::changed_by_another_worker;
use crate::store::ledger::identity::candidates::{self, Forgotten};
use crate::store::ledger::identity::sessions::Sessions;
use crate::store::ledger::identity::{Identities, Match};
use crate::store::ledger::opening::{Arrival, Unknown, Watermarks};
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
        let acked_ones = acked.len();
        let certain = acked.iter().find(|acked| acked.certain);
        let Some(acked) = certain.or(acked.first()) else { return Ok(Match::New) };
        let found = candidates::find_by_id(connection, acked.id, self.clock)?;
        // It is read a second time: meanwhile another worker may have got its message.
        if found.record.acked_at.is_none() || found.place().as_ref() != Some(&acked.place) {
            return Err(changed_by_another_worker());
        }
        if certain.is_none() {
            let unknown = Unknown::Holder(Box::new(found.record));
            return Ok(Match::Undetermined { asked_at, unknown });
        }
        let candidate = self.add(found);
        if acked_ones == 1 {
            self.raise(watermarks, arrival.receipt, candidate);
        }
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
        let ended = sessions.forgotten_acks(asked_at);
        let one_session = ended.len() == 1;
        let mut forgotten = candidates::find_forgotten(connection, &arrival.message, &ended)?;
        forgotten.retain(|acked| {
            watermarks.allow(arrival.receipt, &acked.place, one_session)
                && !self.candidates.iter().any(|taken| taken.record.notification.id == acked.id)
        });
        Ok(forgotten)
    }

    /// The message may be that of the oldest of these notifications, and has got `candidate`, which is unfinished. So the oldest
    /// one stands for the message of `candidate` from now on, and takes its place in the queue, if that is behind its own.
    pub(super) fn exchange(
        &self,
        connection: &mut AnyConnection,
        candidate: usize,
        forgotten: &[Forgotten],
        sessions: &Sessions<'_>,
    ) -> QueryResult<()> {
        let Some(place) = self.candidates[candidate].place() else { return Ok(()) };
        let of_this_crash =
            |oldest: &&Forgotten| sessions.unwritten_since(&place.session) == Some(oldest.since);
        let Some(oldest) = forgotten.first().filter(of_this_crash) else { return Ok(()) };
        if (oldest.place.delivered_at, oldest.place.tag) > (place.delivered_at, place.tag) {
            return Ok(());
        }
        // Another worker may have got its message, or exchanged its place, since it was read.
        let as_it_was_read = notifications::table
            .find(oldest.id)
            .filter(notifications::acked_at.is_not_null())
            .filter(notifications::broker_session.eq(&oldest.place.session))
            .filter(notifications::delivery_tag.eq(oldest.place.tag));
        let exchanged = diesel::update(as_it_was_read)
            .set((
                notifications::broker_session.eq(place.session),
                notifications::delivery_tag.eq(place.tag),
                notifications::delivered_at.eq(place.delivered_at),
            ))
            .execute(connection)?;
        if exchanged == 0 { Err(changed_by_another_worker()) } else { Ok(()) }
    }
}
