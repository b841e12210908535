//! How the recorder's outcomes change `deferrals`: deferred mails get a row, decided ones lose it. Reading them is left to
//! the folder above.

use std::collections::{BTreeMap, HashSet};

use diesel::prelude::*;

use crate::domain::ids::{NotificationId, ParticipantId};
use crate::domain::lease::Lease;
use crate::domain::outcome::{Outcome, Verdict};
use crate::store::backend::any::AnyConnection;
use crate::store::backend::dispatch;
use crate::store::ledger::deferrals::row::DeferralRow;
use crate::store::schema::{INSERT_ROWS, deferrals, deliveries};

/// Most participants that one query of [`find_decided`] asks for: with as many notifications, 10,000 places in the index.
const DECIDED_PER_QUERY: usize = 100;

/// Writes what these outcomes change in `deferrals`, in the transaction that has locked their notifications, of which
/// `current` are the newest leases, and has inserted their deliveries.
///
/// It may be repeated after a lost reply, and an older write that comes late changes nothing: a deferral is replaced only by
/// one with more tries, and a participant with a delivery gets none.
pub(crate) fn update_deferrals(
    connection: &mut AnyConnection,
    outcomes: &[Outcome],
    current: &[Lease],
) -> QueryResult<()> {
    let valid = || outcomes.iter().filter(|outcome| current.contains(&outcome.lease));
    delete_older(connection, valid())?;
    let clock = dispatch::clock(connection)?;
    let mut rows: BTreeMap<(NotificationId, ParticipantId), DeferralRow> = BTreeMap::new();
    for row in valid().filter_map(|outcome| DeferralRow::new(outcome, clock)) {
        // One INSERT cannot have a key twice.
        let key = (row.notification_id, row.participant_id);
        if rows.get(&key).is_none_or(|other| other.tries < row.tries) {
            rows.insert(key, row);
        }
    }
    let decided = find_decided(connection, rows.keys().copied())?;
    rows.retain(|key, _| !decided.contains(key));
    let rows: Vec<DeferralRow> = rows.into_values().collect();
    dispatch::insert_deferrals(connection, &rows)
}

/// Whether outcomes change anything in `deferrals`.
pub(crate) fn concern_deferrals(outcomes: &[Outcome]) -> bool {
    outcomes
        .iter()
        .any(|outcome| outcome.deferrals > 0 || matches!(outcome.verdict, Verdict::Deferred { .. }))
}

/// Deletes the deferrals that these outcomes replace.
fn delete_older<'a>(
    connection: &mut AnyConnection,
    outcomes: impl Iterator<Item = &'a Outcome>,
) -> QueryResult<()> {
    let mut replaced: BTreeMap<(NotificationId, i32), Vec<ParticipantId>> = BTreeMap::new();
    for outcome in outcomes.filter(|outcome| outcome.deferrals > 0) {
        let max_tries = match outcome.verdict {
            Verdict::Deferred { .. } => i32::try_from(outcome.deferrals).unwrap_or(i32::MAX),
            _ => i32::MAX,
        };
        let key = (outcome.lease.notification_id, max_tries);
        replaced.entry(key).or_default().push(outcome.participant_id);
    }
    replaced.iter().try_for_each(|((id, max_tries), ids)| delete_up_to(connection, *id, ids, *max_tries))
}

/// Deletes those deferrals of the participants that have at most `max_tries`.
pub(crate) fn delete_up_to(
    connection: &mut AnyConnection,
    notification_id: NotificationId,
    ids: &[ParticipantId],
    max_tries: i32,
) -> QueryResult<()> {
    ids.chunks(INSERT_ROWS).try_for_each(|ids| {
        diesel::delete(
            deferrals::table
                .filter(deferrals::notification_id.eq(notification_id))
                .filter(deferrals::participant_id.eq_any(ids))
                .filter(deferrals::tries.le(max_tries)),
        )
        .execute(connection)
        .map(drop)
    })
}

/// Which of these participants have a delivery. A batch has few of them, often of many notifications: every notification is
/// asked for every participant, along the primary key, in one statement.
pub(crate) fn find_decided(
    connection: &mut AnyConnection,
    pairs: impl Iterator<Item = (NotificationId, ParticipantId)>,
) -> QueryResult<HashSet<(NotificationId, ParticipantId)>> {
    let pairs: Vec<_> = pairs.collect();
    let mut decided = HashSet::new();
    for pairs in pairs.chunks(DECIDED_PER_QUERY) {
        let wanted: HashSet<_> = pairs.iter().copied().collect();
        let mut notification_ids: Vec<NotificationId> = pairs.iter().map(|(id, _)| *id).collect();
        notification_ids.dedup();
        let found: Vec<(NotificationId, ParticipantId)> = deliveries::table
            .filter(deliveries::notification_id.eq_any(notification_ids))
            .filter(deliveries::participant_id.eq_any(pairs.iter().map(|(_, id)| *id)))
            .select((deliveries::notification_id, deliveries::participant_id))
            .load(connection)?;
        decided.extend(found.into_iter().filter(|pair| wanted.contains(pair)));
    }
    Ok(decided)
}
