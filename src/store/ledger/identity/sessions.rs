//! What the sessions of all workers say about a message: whether a worker may still have it, whether its ack may have been
//! forgotten, and whether it would have come long ago. The rules are explained in the folder above.

use std::collections::{HashMap, HashSet};

use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;

use crate::domain::session::BrokerSession;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::errors::changed_by_another_worker;
use crate::store::ledger::identity::unwritten_acks::find_unwritten_since;
use crate::store::schema::broker_sessions;

/// A message that was not acked has been delivered again once a later session has lasted for so long.
pub(crate) const REDELIVERED_WITHIN: TimeDelta = TimeDelta::minutes(10);

/// A broker that has crashed delivers the messages whose acks it has forgotten within this time.
pub(crate) const ACKS_FORGOTTEN_WITHIN: TimeDelta = TimeDelta::minutes(2);

/// A session that began so shortly before the current one may itself follow the restart that the current one follows
/// (`broker::restart_evidence`: within two minutes).
const MAY_FOLLOW_THE_SAME_RESTART: TimeDelta = TimeDelta::minutes(3);

/// Whose hands a message is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Possession {
    /// The broker's: the session that had it has ended.
    Broker,
    /// A worker's.
    Worker,
    /// The broker's, or that of a worker which may be alive.
    Uncertain,
}

/// A session whose acks the broker may have forgotten.
#[derive(Debug)]
pub(crate) struct ForgottenAcks<'a> {
    /// Its name.
    pub session: &'a str,
    /// Acks that were recorded later than this.
    pub since: NaiveDateTime,
    /// Whether the session has certainly ended.
    pub certain: bool,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = broker_sessions)]
struct SessionRow {
    name: String,
    worker: String,
    queue: Option<String>,
    opened_at: NaiveDateTime,
    seen_at: NaiveDateTime,
    unwritten_since: Option<NaiveDateTime>,
    caught_up_at: Option<NaiveDateTime>,
    lost_at: Option<NaiveDateTime>,
    closed_at: Option<NaiveDateTime>,
}

impl SessionRow {
    fn is_over(&self) -> bool {
        self.lost_at.is_some() || self.closed_at.is_some()
    }

    /// When it ended, or was last seen.
    fn end(&self) -> NaiveDateTime {
        self.closed_at.or(self.lost_at).unwrap_or(self.seen_at)
    }
}

/// The sessions of all workers that take messages from the queue of the current one.
pub(crate) struct Sessions<'a> {
    current: &'a BrokerSession,
    current_name: String,
    clock: NaiveDateTime,
    rows: HashMap<String, SessionRow>,
    /// The names of those that take messages from other queues.
    of_other_queues: HashSet<String>,
    /// When a session of this worker was last seen that certainly began before the restart.
    previous_seen_at: Option<NaiveDateTime>,
}

impl<'a> Sessions<'a> {
    pub fn load(
        connection: &mut AnyConnection,
        current: &'a BrokerSession,
        clock: NaiveDateTime,
    ) -> QueryResult<Self> {
        let rows: Vec<SessionRow> =
            broker_sessions::table.select(SessionRow::as_select()).load(connection)?;
        let is_of_queue = |row: &SessionRow| row.queue.as_ref().is_none_or(|queue| *queue == current.queue);
        let (rows, others): (Vec<SessionRow>, Vec<SessionRow>) = rows.into_iter().partition(is_of_queue);
        let current_name = current.name();
        let opened_at = rows.iter().find(|row| row.name == current_name).map(|row| row.opened_at);
        let previous = rows.iter().filter(|row| {
            row.worker == current.worker
                && opened_at.is_some_and(|opened_at| row.opened_at + MAY_FOLLOW_THE_SAME_RESTART < opened_at)
        });
        Ok(Self {
            current,
            previous_seen_at: previous.map(|row| row.seen_at).max(),
            current_name,
            clock,
            rows: rows.into_iter().map(|row| (row.name.clone(), row)).collect(),
            of_other_queues: others.into_iter().map(|row| row.name).collect(),
        })
    }

    /// Whether the message of a notification that names this session is of another queue: then it never comes to the current one.
    pub fn is_of_another_queue(&self, session: Option<&str>) -> bool {
        session.is_some_and(|name| self.of_other_queues.contains(name))
    }

    /// Whose hands the message of a notification is in that names this session, for a message of the current session
    /// that was first asked about at `asked_at`.
    pub fn possession(&self, session: Option<&str>, asked_at: NaiveDateTime) -> Possession {
        let Some(name) = session else { return Possession::Broker };
        if name == self.current_name {
            return Possession::Worker;
        }
        match self.rows.get(name) {
            Some(row) if !self.has_ended(row) => {
                // A time that is still to come is from before the database's clock was set back, and proves nothing.
                if row.seen_at > asked_at && row.seen_at <= self.clock {
                    Possession::Worker
                } else {
                    Possession::Uncertain
                }
            }
            _ => Possession::Broker,
        }
    }

    /// A session of another worker of which it is not known whether it had ended at `asked_at`, the first by name.
    pub fn uncertain(&self, asked_at: NaiveDateTime) -> Option<&str> {
        let names = self.rows.keys().map(String::as_str);
        names.filter(|name| self.possession(Some(name), asked_at) == Possession::Uncertain).min()
    }

    /// Whether a notification of this session that ended at `ended_at` was acked, although no ack is recorded: else its
    /// message had come again long before `asked_at`.
    pub fn was_acked(&self, session: Option<&str>, ended_at: NaiveDateTime, asked_at: NaiveDateTime) -> bool {
        let ended_at = match session.and_then(|name| self.rows.get(name)) {
            Some(row) if row.name == self.current_name || !self.has_ended(row) => return false,
            Some(row) => row.end(),
            None => ended_at,
        };
        let mut later = self.rows.values().filter(|row| row.opened_at >= ended_at);
        later.any(|row| self.has_lasted(row, REDELIVERED_WITHIN, asked_at))
    }

    /// The sessions whose acks the broker may have forgotten; none unless it has crashed right before the current session.
    pub fn forgotten_acks(&self, asked_at: NaiveDateTime) -> Vec<ForgottenAcks<'_>> {
        let sessions = self.before_the_crash(asked_at);
        // What became of the acks of a session that was closed, only a crash tells that has ended another one.
        let may_be_lost = |row: &&SessionRow| {
            if row.closed_at.is_some() {
                row.unwritten_since.is_some()
            } else {
                self.has_ended(row) || row.seen_at <= asked_at
            }
        };
        sessions
            .filter(may_be_lost)
            .filter(|row| !self.has_brought_all_since(row, asked_at))
            .filter(|row| !self.has_caught_up_since(row))
            .map(|row| ForgottenAcks {
                session: &row.name,
                since: row.unwritten_since.unwrap_or(row.opened_at),
                certain: self.has_ended(row),
            })
            .collect()
    }

    /// Since when acks are not on the broker's disk, as the crash showed that has ended this session.
    pub fn unwritten_since(&self, session: &str) -> Option<NaiveDateTime> {
        self.rows.get(session)?.unwritten_since
    }

    /// Whether a session that began after the crash which has ended `ended` has lasted so long that all messages have come whose acks
    /// were forgotten.
    fn has_brought_all_since(&self, ended: &SessionRow, asked_at: NaiveDateTime) -> bool {
        self.since_the_crash(ended).any(|row| self.has_lasted(row, ACKS_FORGOTTEN_WITHIN, asked_at))
    }

    /// Whether such a session has got a message that was never delivered before: then all of them have come, too. The prefetched
    /// ones of a session that began earlier may be still to be opened.
    fn has_caught_up_since(&self, ended: &SessionRow) -> bool {
        let current = self.rows.get(&self.current_name);
        let is_known = |row: &SessionRow, at: NaiveDateTime| {
            row.is_over() || current.is_some_and(|current| at < current.opened_at)
        };
        let mut others = self.since_the_crash(ended).filter(|row| row.name != self.current_name);
        others.any(|row| row.caught_up_at.is_some_and(|at| is_known(row, at)))
    }

    /// The sessions that began after the crash which has ended `ended`, as far as it is known. One that began after `ended` and
    /// was ended by the same crash brought no message back: of a worker that had lost its connection before, or was restarted.
    fn since_the_crash(&self, ended: &SessionRow) -> impl Iterator<Item = &SessionRow> {
        let is_another = |row: &SessionRow| {
            ended.unwritten_since.is_none() || row.unwritten_since != ended.unwritten_since
        };
        self.rows.values().filter(move |row| row.opened_at >= ended.end() && is_another(row))
    }

    /// Finds out which acks the broker may have forgotten, of those sessions that its last crash has ended. The first one who asks
    /// does so for all workers: later the acks of messages that have come again are missing.
    pub fn record_crash(
        &mut self,
        connection: &mut AnyConnection,
        asked_at: NaiveDateTime,
    ) -> QueryResult<()> {
        let is_undecided = |row: &&SessionRow| row.unwritten_since.is_none() && self.has_ended(row);
        let undecided: Vec<&SessionRow> = self.before_the_crash(asked_at).filter(is_undecided).collect();
        let lost = || undecided.iter().filter(|row| row.closed_at.is_none());
        // When a session of this worker ended is known best, unless it was an earlier crash that has ended it.
        let ours = lost().filter(|row| row.worker == self.current.worker).map(|row| row.end()).max();
        let ours = ours.filter(|end| lost().all(|row| row.opened_at < *end));
        let Some(crashed_at) = ours.or_else(|| lost().map(|row| row.end()).max()) else {
            return Ok(());
        };
        let names: Vec<String> = undecided.iter().map(|row| row.name.clone()).collect();
        // What an earlier crash has not shown forgotten is on the disk. So no two crashes have the same time here.
        let newest = lost().map(|row| row.opened_at).max();
        let earlier = self.rows.values().filter(|row| row.unwritten_since.is_some());
        let earlier = earlier.map(SessionRow::end).filter(|end| newest.is_some_and(|newest| *end <= newest));
        let unwritten =
            find_unwritten_since(connection, crashed_at, self.current.ack_writing, &self.of_other_queues)?;
        let since = earlier.max().map_or(unwritten, |end| end.max(unwritten));
        let still_undecided = broker_sessions::table
            .filter(broker_sessions::name.eq_any(&names))
            .filter(broker_sessions::unwritten_since.is_null());
        let decided = diesel::update(still_undecided)
            .set(broker_sessions::unwritten_since.eq(since))
            .execute(connection)?;
        if decided < names.len() {
            return Err(changed_by_another_worker());
        }
        for name in names {
            self.rows.entry(name).and_modify(|row| row.unwritten_since = Some(since));
        }
        Ok(())
    }

    /// The sessions that began before the current one; none unless the broker has crashed right before it.
    fn before_the_crash(&self, asked_at: NaiveDateTime) -> impl Iterator<Item = &SessionRow> {
        let current = self.rows.get(&self.current_name);
        let follows_crash = current
            .filter(|row| self.current.follows_restart && asked_at - row.opened_at < ACKS_FORGOTTEN_WITHIN);
        let opened_at = follows_crash.map(|row| row.opened_at);
        let is_before = move |row: &&SessionRow| {
            row.name != self.current_name && opened_at.is_some_and(|opened_at| row.opened_at < opened_at)
        };
        self.rows.values().filter(is_before)
    }

    /// Whether a session, other than the current one, has certainly ended.
    fn has_ended(&self, row: &SessionRow) -> bool {
        row.is_over() || row.worker == self.current.worker || self.was_ended_by_restart(row)
    }

    fn was_ended_by_restart(&self, row: &SessionRow) -> bool {
        self.current.follows_restart && self.previous_seen_at.is_some_and(|seen_at| row.opened_at < seen_at)
    }

    /// The sessions of other workers that are over, and not known to be, since the restart that the current one follows. In the order of
    /// their names.
    pub fn ended_by_restart(&self) -> Vec<String> {
        let rows = self.rows.values().filter(|row| !row.is_over() && row.worker != self.current.worker);
        let mut names: Vec<String> =
            rows.filter(|row| self.was_ended_by_restart(row)).map(|row| row.name.clone()).collect();
        names.sort_unstable();
        names
    }

    /// Whether a session has lasted for `span`.
    fn has_lasted(&self, row: &SessionRow, span: TimeDelta, asked_at: NaiveDateTime) -> bool {
        let end = if row.name == self.current_name { asked_at } else { row.end() };
        end - row.opened_at >= span
    }
}
