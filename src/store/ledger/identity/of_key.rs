//! The notification of a `message_id`: rule 1, which the folder above explains.

use diesel::prelude::*;

use crate::store::backend::any::AnyConnection;
use crate::store::ledger::identity::sessions::Possession;
use crate::store::ledger::identity::{Identities, KeyOwner, Match};
use crate::store::ledger::opening::{Arrival, Watermarks};

impl Identities<'_> {
    /// Rule 1.
    pub(super) fn find_of_key(
        &mut self,
        connection: &mut AnyConnection,
        index: usize,
        key: &str,
        arrival: &Arrival,
        watermarks: &mut Watermarks,
    ) -> QueryResult<Match> {
        match *self.by_key.entry(key.to_owned()).or_insert(KeyOwner::NewOf(index)) {
            KeyOwner::Candidate(candidate) => self.look_at_ack(connection, candidate, arrival, watermarks),
            KeyOwner::NewOf(first) => {
                watermarks.raise_all(arrival.receipt);
                Ok(if first == index { Match::New } else { Match::SameAs(first) })
            }
        }
    }

    /// A message whose ack is known was published twice, or the broker has forgotten the ack.
    fn look_at_ack(
        &mut self,
        connection: &mut AnyConnection,
        candidate: usize,
        arrival: &Arrival,
        watermarks: &mut Watermarks,
    ) -> QueryResult<Match> {
        let record = &self.candidates[candidate].record;
        let is_done = record.state.needs_only_ack() && record.acked_at.is_some();
        if !is_done || !record.is_asked_for_by(&arrival.message) {
            return Ok(Match::Known { candidate, forgotten: false });
        }
        let session = record.broker_session.clone();
        let asked_at = arrival.first_asked_at(self.clock);
        let sessions = self.take_sessions(connection, asked_at)?;
        let possession = sessions.possession(session.as_deref(), asked_at);
        let is_of_another_queue = sessions.is_of_another_queue(session.as_deref());
        self.sessions = Some(sessions);
        if is_of_another_queue || possession != Possession::Broker {
            return Ok(Match::Copy(candidate));
        }
        let redelivered = arrival.identity.redelivered;
        if redelivered {
            self.raise(watermarks, arrival.receipt, candidate);
        }
        Ok(Match::Known { candidate, forgotten: redelivered })
    }
}
