//! Notifications that are not known to be acked: rule 3, and what rule 5 asks before a message is new. The rules are explained in the
//! folder above.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::domain::message::Message;
use crate::domain::session::Receipt;
use crate::store::backend::any::AnyConnection;
use crate::store::ledger::identity::candidates;
use crate::store::ledger::identity::sessions::{Possession, Sessions};
use crate::store::ledger::identity::{Identities, Match};
use crate::store::ledger::opening::{Unknown, Watermarks};
use crate::store::ledger::row::NotificationRecord;

impl Identities<'_> {
    /// Rule 3.
    pub(super) fn find_unacked(
        &mut self,
        connection: &mut AnyConnection,
        message: &Message,
        asked_at: NaiveDateTime,
        sessions: &Sessions<'_>,
    ) -> QueryResult<Match> {
        if !self.unacked.contains_key(message) {
            let mut unacked = candidates::find_unacked(connection, message, self.clock)?;
            unacked.retain(|candidate| {
                !sessions.is_of_another_queue(candidate.record.broker_session.as_deref())
            });
            let indices = unacked.into_iter().map(|candidate| self.add(candidate)).collect();
            self.unacked.insert(message.clone(), indices);
        }
        let record = |index: &usize| &self.candidates[*index].record;
        let (open, mut ended): (Vec<usize>, Vec<usize>) =
            self.unacked[message].iter().copied().partition(|index| record(index).state.is_open());
        ended.retain(|index| {
            let NotificationRecord { broker_session, completed_at, received_at, .. } = record(index);
            !sessions.was_acked(broker_session.as_deref(), completed_at.unwrap_or(*received_at), asked_at)
        });
        ended.reverse();
        for indices in [open, ended] {
            let possession =
                |index: &usize| sessions.possession(record(index).broker_session.as_deref(), asked_at);
            let first = |wanted| indices.iter().find(|index| possession(index) == wanted);
            if let Some(candidate) = first(Possession::Broker) {
                return Ok(Match::Known { candidate: *candidate, forgotten: false });
            }
            if let Some(candidate) = first(Possession::Uncertain) {
                let holder = Box::new(record(candidate).clone());
                return Ok(Match::Undetermined { asked_at, unknown: Unknown::Holder(holder) });
            }
        }
        Ok(Match::New)
    }

    /// Whether rule 3 has one notification only for this message.
    pub(super) fn fits_only_one(
        &self,
        message: &Message,
        asked_at: NaiveDateTime,
        sessions: &Sessions<'_>,
    ) -> bool {
        let session = |index: &usize| self.candidates[*index].record.broker_session.as_deref();
        let may_fit = |index: &&usize| sessions.possession(session(index), asked_at) != Possession::Worker;
        self.unacked[message].iter().filter(may_fit).count() == 1
    }

    /// Rule 5.
    pub(super) fn new_unless_unknown(
        &self,
        receipt: Receipt,
        asked_at: NaiveDateTime,
        sessions: &Sessions<'_>,
        watermarks: &Watermarks,
    ) -> Match {
        let is_marked_by_restart = self.session.follows_restart && !watermarks.were_above_all(receipt);
        match sessions.uncertain(asked_at) {
            Some(session) if !is_marked_by_restart => {
                Match::Undetermined { asked_at, unknown: Unknown::OtherSession(session.to_owned()) }
            }
            _ => Match::New,
        }
    }
}
