//! What the status page and the API read: at most one query at a time, on a thread for calls that block, and kept for a moment, so that
//! many who look cost as much as one.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::domain::ids::NotificationId;
use crate::http::database::{RequestDatabase, Unavailable};
use crate::observe::progress::FanOuts;
use crate::report::failures::group::FailureGroup;
use crate::report::failures::{self, FailureFilter};
use crate::report::notifications::NotificationLine;
use crate::report::outbox;
use crate::report::overview::{self, Overview, Selection};
use crate::report::progress::{Progress, ProgressTracker};
use crate::report::tallies::Tallies;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::ledger::bounce_counts::BounceCount;
use crate::store::ledger::outbox::OutboxSummary;
use crate::sync::lock;

/// Notifications that are read, beside those that are not completed.
const NEWEST: u32 = 20;
/// How long what was read is kept.
const KEPT: Duration = Duration::from_secs(1);
/// The same for reasons of failures, which take reading all outcomes of some notifications.
const FAILURES_KEPT: Duration = Duration::from_secs(10);
/// So many times as long as the query took: looking takes at most this share of a thread, up to `OLDEST`.
const SHARE: u32 = 50;
/// What was read is no older than this, however long the query took.
const OLDEST: Duration = Duration::from_secs(60);
/// Longest wait for the end of another query.
const WAIT: Duration = Duration::from_secs(3);
/// Notifications that are kept at a time.
const MAX_KEPT: usize = 100;

/// What the database had at one moment.
pub(super) struct Snapshot {
    /// When it was read.
    pub at: DateTime<Utc>,
    /// Workers and notifications.
    pub overview: Overview,
    /// How far the unfinished ones are.
    pub progress: Vec<Progress>,
    /// Mails that came back.
    pub bounces: Vec<BounceCount>,
    /// What waits in the outbox.
    pub outbox: OutboxSummary,
}

/// One notification at one moment.
pub(super) struct OneNotification {
    /// When it was read.
    pub at: DateTime<Utc>,
    /// What is known of it.
    pub line: NotificationLine,
    /// How far it is, if it is not finished.
    pub progress: Option<Progress>,
}

/// Reads all that. Cheap to clone.
#[derive(Clone)]
pub(super) struct StatusReader {
    database: RequestDatabase,
    /// Those of this process.
    fan_outs: FanOuts,
    /// A worker that has not reported for longer is silent.
    report_timeout: Duration,
    one_at_a_time: Arc<Semaphore>,
    snapshots: Shelf<(), Snapshot>,
    notifications: Shelf<NotificationId, Option<OneNotification>>,
    failures: Shelf<Vec<NotificationId>, Vec<FailureGroup>>,
    watch: Arc<Mutex<ProgressTracker>>,
    tallies: Arc<Mutex<Tallies>>,
}

/// What was read, and until when it is kept.
type Kept<T> = (Instant, Result<Arc<T>, Unavailable>);

struct Shelf<K, T>(Arc<Mutex<Entries<K, T>>>);

struct Entries<K, T> {
    kept: HashMap<K, Kept<T>>,
    /// How often all was forgotten.
    forgotten: u64,
}

impl<K, T> Clone for Shelf<K, T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, T> Default for Shelf<K, T> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Entries { kept: HashMap::new(), forgotten: 0 })))
    }
}

impl<K: Eq + Hash + Clone, T> Shelf<K, T> {
    fn find(&self, key: &K) -> Option<Result<Arc<T>, Unavailable>> {
        let entries = lock(&self.0);
        entries.kept.get(key).filter(|(until, _)| *until > Instant::now()).map(|(_, kept)| kept.clone())
    }

    fn forget(&self) {
        let mut entries = lock(&self.0);
        entries.kept.clear();
        entries.forgotten += 1;
    }

    /// To be asked for before a query begins.
    fn forgotten(&self) -> u64 {
        lock(&self.0).forgotten
    }

    /// Keeps it, unless all was forgotten while it was read.
    fn keep(&self, key: K, until: Instant, value: Result<Arc<T>, Unavailable>, forgotten: u64) {
        let mut entries = lock(&self.0);
        if entries.forgotten != forgotten {
            return;
        }
        if entries.kept.len() >= MAX_KEPT {
            entries.kept.retain(|_, (until, _)| *until > Instant::now());
        }
        if entries.kept.len() < MAX_KEPT {
            entries.kept.insert(key, (until, value));
        }
    }
}

impl StatusReader {
    pub(super) fn new(database: RequestDatabase, fan_outs: FanOuts, report_timeout: Duration) -> Self {
        Self {
            database,
            fan_outs,
            report_timeout,
            one_at_a_time: Arc::new(Semaphore::new(1)),
            snapshots: Shelf::default(),
            notifications: Shelf::default(),
            failures: Shelf::default(),
            watch: Arc::default(),
            tallies: Arc::default(),
        }
    }

    /// The workers, and the newest notifications.
    pub(super) async fn snapshot(&self) -> Result<Arc<Snapshot>, Unavailable> {
        let (report_timeout, watch, fan_outs) =
            (self.report_timeout, Arc::clone(&self.watch), self.fan_outs.clone());
        let tallies = Arc::clone(&self.tallies);
        let read = move |store: &Store| {
            let selection = Selection { event: None, newest: Some(NEWEST) };
            let overview = Overview::read_again(store, &selection, report_timeout, &mut lock(&tallies))?;
            let now = Instant::now();
            let mut progress = lock(&watch).observe(&overview.lines, now);
            for own in fan_outs.running() {
                let same = |progress: &&mut Progress| progress.notification == own.notification.id;
                progress.iter_mut().filter(same).for_each(|progress| progress.add_rate_of(&own, now));
            }
            let (bounces, outbox) = (store.list_bounce_counts()?, store.summarize_outbox(outbox::NAMED)?);
            Ok(Snapshot { at: Utc::now(), overview, progress, bounces, outbox })
        };
        self.kept(&self.snapshots, (), KEPT, read).await
    }

    /// One notification; `None` if there is none with this key.
    pub(super) async fn notification(
        &self,
        id: NotificationId,
    ) -> Result<Arc<Option<OneNotification>>, Unavailable> {
        if let Some(kept) = self.notifications.find(&id) {
            return kept;
        }
        let progress = self.snapshot().await.ok().and_then(|snapshot| {
            snapshot.progress.iter().find(|progress| progress.notification == id).copied()
        });
        let report_timeout = self.report_timeout;
        let read = move |store: &Store| {
            let line = overview::find_line(store, id, report_timeout)?;
            Ok(line.map(|line| OneNotification { at: Utc::now(), line, progress }))
        };
        self.kept(&self.notifications, id, KEPT, read).await
    }

    /// Why mails of these notifications did not arrive.
    pub(super) async fn failures(
        &self,
        of: Vec<NotificationId>,
    ) -> Result<Arc<Vec<FailureGroup>>, Unavailable> {
        let filter = FailureFilter { notifications: Some(of.clone()), code: None };
        self.kept(&self.failures, of, FAILURES_KEPT, move |store| failures::read(store, &filter)).await
    }

    /// Something was changed, after which nothing that was read is true any more.
    pub(super) fn forget(&self) {
        self.snapshots.forget();
        self.notifications.forget();
        self.failures.forget();
    }

    /// What is kept under this key, or what `read` returns.
    async fn kept<K, T>(
        &self,
        known: &Shelf<K, T>,
        key: K,
        at_least: Duration,
        read: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<Arc<T>, Unavailable>
    where
        K: Eq + Hash + Clone + Send + 'static,
        T: Send + Sync + 'static,
    {
        if let Some(kept) = known.find(&key) {
            return kept;
        }
        // It goes with the query: one that takes too long is not followed by another while it lasts.
        let permit = timeout(WAIT, Arc::clone(&self.one_at_a_time).acquire_owned()).await;
        let Ok(Ok(permit)) = permit else { return Err(Unavailable) };
        if let Some(kept) = known.find(&key) {
            return kept;
        }
        let (place, place_key, forgotten) = (known.clone(), key.clone(), known.forgotten());
        let asked = self.database.ask(move |store| {
            let begun = Instant::now();
            let value = read(store).map(Arc::new);
            if let Ok(value) = &value {
                let kept = at_least.max((begun.elapsed() * SHARE).min(OLDEST));
                place.keep(place_key, Instant::now() + kept, Ok(Arc::clone(value)), forgotten);
            }
            drop(permit);
            value
        });
        let answer = asked.await;
        if answer.is_err() {
            known.keep(key, Instant::now() + KEPT, Err(Unavailable), forgotten);
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_while_all_is_forgotten_is_not_kept() {
        let shelf: Shelf<u8, u8> = Shelf::default();
        let until = Instant::now() + Duration::from_secs(60);
        let before = shelf.forgotten();
        shelf.keep(1, until, Ok(Arc::new(1)), before);
        assert_eq!(shelf.find(&1).unwrap().ok(), Some(Arc::new(1)));
        shelf.forget();
        shelf.keep(1, until, Ok(Arc::new(1)), before);
        assert!(shelf.find(&1).is_none());
        shelf.keep(1, until, Ok(Arc::new(2)), shelf.forgotten());
        assert_eq!(shelf.find(&1).unwrap().ok(), Some(Arc::new(2)));
    }
}
