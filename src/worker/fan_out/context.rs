//! What every fan-out needs, and how it may end.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};

use crate::content::error::TemplateError;
use crate::content::renderer::Templates;
use crate::domain::ids::NotificationId;
use crate::domain::notification::Notification;
use crate::observe::events;
use crate::observe::events::routes::ToldKeys;
use crate::observe::metrics::Metrics;
use crate::observe::progress::FanOuts;
use crate::routes::Routes;
use crate::routes::decoder::Decoder;
use crate::shutdown::Shutdown;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::ledger::opening::coalesce::Waits;
use crate::worker::announcer::Announcements;
use crate::worker::database_retry::{DatabaseRetry, Stopped};
use crate::worker::delivery::breaker::Breaker;
use crate::worker::delivery::queue::JobSender;
use crate::worker::delivery::retry_policy::RetryPolicy;
use crate::worker::delivery::throttles::KeptThrottles;
use crate::worker::fan_out::wait_permit::WaitPermits;
use crate::worker::intake::Intake;
use crate::worker::lease::held::HeldLease;
use crate::worker::lease::keeper::Leases;
use crate::worker::recorder::batch::BatchSender;

/// What all fan-outs of this process share.
#[expect(clippy::struct_excessive_bools, reason = "each is a variable of its own")]
pub struct Context {
    /// Where participants are read, and notifications opened and completed.
    pub store: Store,
    /// The leases of this process.
    pub leases: Leases,
    /// How database calls are repeated.
    pub database_retry: DatabaseRetry,
    /// Makes what the mails of one fan-out have in common.
    pub templates: Templates,
    /// The queue to the lanes.
    pub jobs: JobSender,
    /// Knows what the relay has accepted.
    pub breaker: Arc<Breaker>,
    /// The queue to the recorder, for outcomes that no lane decides.
    pub batch_sender: BatchSender,
    /// When a mail is tried again.
    pub retry_policy: RetryPolicy,
    /// Recipients in the retry queue of a fan-out above which further ones are deferred at once. Without deferrals no
    /// further page is read.
    pub retry_queue_limit: usize,
    /// After so long, a run of the sweep begins no further mail.
    pub sweep_run: Duration,
    /// How often the relay has throttled mails that are left to the next run.
    pub kept_throttles: KeptThrottles,
    /// How many fan-outs may wait for retries alone.
    pub wait_permits: WaitPermits,
    /// Participants in a page.
    pub page_size: u32,
    /// Whether participants who have one address get one mail together.
    pub one_mail_per_address: bool,
    /// Whether the application says in `optouts` who wants no mail (`OPTOUTS`).
    pub optouts: bool,
    /// Whether people get no UPDATED in which nothing has changed for them (`SKIP_UNCHANGED`).
    pub skip_unchanged: bool,
    /// How long an event that is not in the database is looked up again.
    pub event_lookup_grace: Duration,
    /// Whether a newer notification of an event ends an older one (`SUPERSEDE`).
    pub supersede: bool,
    /// Whether mails only seem to be sent (`EMAIL_DUMMY_MODE`).
    pub dummy: bool,
    /// Counters of the process.
    pub metrics: Arc<Metrics>,
    /// How far the fan-outs of this process are.
    pub fan_outs: FanOuts,
    /// Wakes the sweep of notifications that are set aside: there is one more.
    pub set_aside: (Sender<()>, Receiver<()>),
    /// Tells other programs what became of notifications, if they are to be told.
    pub announcements: Option<Announcements>,
    /// The way of notifications that no message carries to the dispatcher.
    pub intake: Intake,
    /// What is mailed for which routing keys.
    pub routes: Option<Arc<Routes>>,
    /// Routing keys that no route is for, which the log has named.
    pub told_keys: ToldKeys,
    /// Requested by the first SIGTERM, SIGINT or SIGQUIT.
    pub shutdown: Shutdown,
}

impl Context {
    /// What reads messages.
    ///
    /// # Errors
    /// When the database does not tell which keys events have.
    pub fn decoder(&self) -> Result<Decoder, StoreError> {
        Ok(Decoder::new(self.store.event_key_type()?, self.routes.clone()))
    }

    /// Tells other programs that a notification is completed whose message is acked, or that no message carries.
    pub fn announce_completed(&self, notification_id: NotificationId) {
        if let Some(announcements) = &self.announcements {
            announcements.completed(notification_id);
        }
    }

    /// Tells of an UPDATED that waits for further ones, and that those whose place it takes are completed.
    pub fn tell_of_waits(&self, notification: &Notification, Waits { until, replaced }: &Waits) {
        events::coalescing::waits(&self.metrics, notification, *until, replaced);
        for id in replaced {
            self.announce_completed(*id);
        }
    }
}

/// How a fan-out has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FanOutResult {
    /// Everyone is decided: the message may be acked.
    Completed(Notification),
    /// Something of the application's data cannot be read. The ledger has the rest of the work, so the message may be acked.
    SetAside(Notification),
    /// The message cannot be processed.
    DeadLetter {
        /// Why, in one sentence.
        reason: String,
        /// Its notification, if one was opened.
        notification: Option<Notification>,
    },
    /// The row of the notification is not in the ledger any more, or its key belongs to another one by now: deleted by hand,
    /// or not in a copy of the database that was restored. No record tells who has got the mail, so the message is to be opened
    /// anew, and everyone gets it: twice rather than never.
    Vanished(Notification),
    /// The worker is stopping: the message goes back to the queue, and what is decided stays decided.
    Interrupted,
}

impl FanOutResult {
    /// For a message whose `message_id` belongs to `first`, which asks for something else.
    #[must_use]
    pub fn conflict_with(first: &Notification) -> Self {
        Self::DeadLetter { reason: first.used_before("its message_id"), notification: None }
    }
}

/// What of a notification cannot be read, in its reason.
pub(super) const PARTICIPANTS: &str = "its participants";

/// Why sending ends before everyone is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Halt {
    /// A shutdown is requested.
    Stopping,
    /// Another worker has taken the notification over.
    TakenOver,
    /// This newer notification says what there is to say now.
    Superseded(NotificationId),
    /// Something of the application's data cannot be read: what, and why. Nothing else is left to be sent.
    Unreadable(String),
}

impl Halt {
    /// `what` cannot be read.
    #[must_use]
    pub fn unreadable(what: &str, error: &StoreError) -> Self {
        Self::Unreadable(format!("{what} cannot be read: {}", error.reason()))
    }
}

/// Whether what was begun under a lease goes on.
///
/// # Errors
/// When the lease is lost, or the notification superseded.
pub(super) fn check_lease(held: &HeldLease) -> Result<(), Halt> {
    match held.superseded_by() {
        _ if held.is_lost() => Err(Halt::TakenOver),
        Some(newer) => Err(Halt::Superseded(newer)),
        None => Ok(()),
    }
}

/// Repeats a query about `what` of the application's data until the database answers.
///
/// # Errors
/// When a shutdown is requested first, or the data cannot be read.
pub(super) fn read_data<T>(
    database_retry: &DatabaseRetry,
    what: &str,
    query: impl FnMut() -> Result<T, StoreError>,
) -> Result<T, Halt> {
    database_retry.while_readable(query)?.map_err(|error| Halt::unreadable(what, &error))
}

/// The same for a query that also writes. `read` is what it reads of that data, alone.
///
/// # Errors
/// When a shutdown is requested first, or the data cannot be read.
pub(super) fn read_data_and_write<T, R>(
    database_retry: &DatabaseRetry,
    what: &str,
    query: impl FnMut() -> Result<T, StoreError>,
    read: impl FnMut() -> Result<R, StoreError>,
) -> Result<T, Halt> {
    database_retry.while_readable_to_write(query, read)?.map_err(|error| Halt::unreadable(what, &error))
}

impl From<Stopped> for FanOutResult {
    fn from(_: Stopped) -> Self {
        Self::Interrupted
    }
}

/// Templates that are gone may come back.
impl From<TemplateError> for Halt {
    fn from(error: TemplateError) -> Self {
        Self::Unreadable(error.to_string())
    }
}

impl From<Stopped> for Halt {
    fn from(_: Stopped) -> Self {
        Self::Stopping
    }
}
