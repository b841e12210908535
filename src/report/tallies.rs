//! What was counted of notifications, for those who look again and again: counting all of a million outcomes and people takes a second, and
//! less of it suffices.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::domain::ids::NotificationId;
use crate::domain::outcome::Tally;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::ledger::row::{NotificationRecord, NotificationState};

/// What takes less time is counted at each look.
const DEAR: Duration = Duration::from_millis(50);
/// How long what was counted is kept. Of a completed notification, mails that come back still change it; of another one only the outcomes are
/// counted anew meanwhile, because people who leave the event change little.
const KEPT: Duration = Duration::from_secs(300);
/// Between two completed ones that are counted again, so that no look takes as long as all of them together.
const PAUSE: Duration = Duration::from_secs(10);
/// Most that are kept: more than a look shows.
const KEPT_MAX: usize = 1000;

/// What is known. Empty for a single look.
#[derive(Debug, Default)]
pub struct Tallies {
    known: HashMap<NotificationId, Known>,
    last_recount: Option<Instant>,
}

/// The numbers, and why people cannot be counted.
pub(super) type Counted = (Tally, Option<String>);

#[derive(Debug)]
struct Known {
    record: NotificationRecord,
    counted: Counted,
    at: Instant,
}

impl Known {
    /// Whether nothing has changed since but outcomes, and who has it.
    fn is_of(&self, record: &NotificationRecord) -> bool {
        let NotificationRecord { notification, state, completed_at, .. } = &self.record;
        *notification == record.notification && *state == record.state && *completed_at == record.completed_at
    }
}

/// What is to be counted.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    /// Nothing: what is known.
    Known(Counted),
    Outcomes {
        of: u64,
    },
    All,
}

impl Tallies {
    /// The numbers of this notification.
    pub(super) fn of(&mut self, store: &Store, record: &NotificationRecord) -> Result<Counted, StoreError> {
        let begun = Instant::now();
        let mut look = self.look(record, begun);
        if matches!(look, Look::Known(_)) && store.find_next_try(record.notification.id)?.is_some() {
            // Its failed mails are tried again.
            look = Look::All;
        }
        match look {
            Look::Known(counted) => Ok(counted),
            Look::Outcomes { of } => {
                let counted = store.tally_without_participants(record.notification.id)?;
                Ok((with_people(counted, of), None))
            }
            Look::All => {
                let counted = count(store, record)?;
                self.keep(record, &counted, begun.elapsed(), begun);
                Ok(counted)
            }
        }
    }

    fn look(&mut self, record: &NotificationRecord, now: Instant) -> Look {
        let known = self.known.get(&record.notification.id).filter(|known| known.is_of(record));
        let Some(Known { counted, at, .. }) = known else { return Look::All };
        let age = now.saturating_duration_since(*at);
        if record.state != NotificationState::Completed {
            let (tally, uncounted) = counted;
            let only_outcomes = age < KEPT && uncounted.is_none();
            return if only_outcomes { Look::Outcomes { of: tally.participants } } else { Look::All };
        }
        let has_paused = self.last_recount.is_none_or(|at| now.saturating_duration_since(at) >= PAUSE);
        if age < KEPT || !has_paused {
            return Look::Known(counted.clone());
        }
        self.last_recount = Some(now);
        Look::All
    }

    fn keep(&mut self, record: &NotificationRecord, counted: &Counted, took: Duration, at: Instant) {
        let id = record.notification.id;
        let changes = record.state == NotificationState::Completed && counted.0.deferred > 0;
        if took < DEAR || changes {
            self.known.remove(&id);
            return;
        }
        if self.known.len() >= KEPT_MAX {
            self.known.clear();
        }
        self.known.insert(id, Known { record: record.clone(), counted: counted.clone(), at });
    }
}

/// All numbers; without people, and why, if these cannot be read.
pub(super) fn count(store: &Store, record: &NotificationRecord) -> Result<Counted, StoreError> {
    match store.tally(&record.notification) {
        Ok(tally) => Ok((tally, None)),
        Err(error) if error.is_unreadable() => {
            Ok((store.tally_without_participants(record.notification.id)?, Some(error.reason())))
        }
        Err(error) => Err(error),
    }
}

/// Numbers of which only the outcomes were counted, of so many people.
fn with_people(counted: Tally, people: u64) -> Tally {
    let participants = people.max(counted.participants);
    Tally { participants, pending: participants - counted.participants, ..counted }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::notifications::NotificationLine;
    use crate::report::notifications::tests::line;

    fn look(tallies: &mut Tallies, line: &NotificationLine, now: Instant) -> Look {
        let look = tallies.look(&line.record, now);
        if look == Look::All {
            tallies.keep(&line.record, &(line.tally, None), DEAR, now);
        }
        look
    }

    #[test]
    fn what_is_completed_is_counted_again_after_a_while_and_one_at_a_time() {
        let (mut tallies, begun) = (Tallies::default(), Instant::now());
        let at = |seconds: u64| begun + Duration::from_secs(seconds);
        let [one, other] = [7, 8].map(|id| line(id, NotificationState::Completed, [3, 3, 0, 0, 0]));
        let same = || Look::Known((one.tally, None));
        let mut seen = |line, seconds| look(&mut tallies, line, at(seconds));
        assert_eq!([seen(&one, 0), seen(&other, 0), seen(&one, 299)], [Look::All, Look::All, same()]);
        assert_eq!([seen(&one, 300), seen(&other, 300), seen(&other, 310)], [Look::All, same(), Look::All]);
        let mut changed = line(7, NotificationState::Completed, [3, 3, 0, 0, 0]);
        changed.record.completed_at = None;
        assert_eq!(seen(&changed, 311), Look::All);
        tallies.keep(&one.record, &(one.tally, None), Duration::ZERO, at(320));
        assert_eq!(tallies.look(&one.record, at(320)), Look::All, "it takes no time");
        let deferred = (Tally { deferred: 1, ..one.tally }, None);
        tallies.keep(&one.record, &deferred, DEAR, at(320));
        assert_eq!(tallies.look(&one.record, at(320)), Look::All, "more comes");
    }

    #[test]
    fn of_what_runs_the_outcomes_are_counted() {
        let (mut tallies, begun) = (Tallies::default(), Instant::now());
        let running = line(9, NotificationState::Running, [1000, 10, 0, 0, 990]);
        let looks = [0, 1, 299, 300, 301]
            .map(|seconds| look(&mut tallies, &running, begun + Duration::from_secs(seconds)));
        let outcomes = || Look::Outcomes { of: 1000 };
        assert_eq!(looks, [Look::All, outcomes(), outcomes(), Look::All, outcomes()]);
        let counted = Tally { participants: 600, sent: 600, ..Tally::default() };
        assert_eq!(with_people(counted, 1000), Tally { participants: 1000, pending: 400, ..counted });
        assert_eq!(with_people(counted, 500), counted);
    }
}
