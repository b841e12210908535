//! Tells other programs what became of notifications, when `REPLIES` or `EVENTS_EXCHANGE` says so: a thread that reads the numbers and
//! the failures in the ledger and hands them to the thread that publishes. It waits for the database and for the broker in the place of
//! dispatcher, sweeps and fan-outs.
//!
//! What a message asks for is told before its ack, so that a crash in between tells it again. For that the ledger is read, and not what
//! a fan-out remembers: another one may have sent a part. What is not told before an ack is told once, if the worker lives that long
//! (decision 0020).

use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, select, unbounded};

use crate::broker::publications::publication::{AckAfter, Publication};
use crate::config::broker::publishing::PublishingConfig;
use crate::domain::ids::{NotificationId, ParticipantId};
use crate::domain::installation::Installation;
use crate::domain::notification::Notification;
use crate::domain::outcome::Tally;
use crate::domain::reply_to::ReplyTo;
use crate::observe::events;
use crate::observe::metrics::Metrics;
use crate::store::Store;
use crate::store::ledger::row::{NotificationRecord, NotificationState};
use crate::worker::announcer::bodies::{COMPLETED, FAILED};
use crate::worker::announcer::messages::{event, reply};
use crate::worker::database_retry::{DatabaseRetry, Stopped};

mod bodies;
mod messages;

/// Notifications without a message that wait to be announced. Further ones are not.
const QUEUE: usize = 1_000;

/// Failures that are read at once.
const PAGE: u32 = 200;

/// How much earlier than a run its failures may have been recorded, by the clock of the database, which is asked later.
const CLOCK_MARGIN: Duration = Duration::from_millis(100);

/// The way to the announcer. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Announcements {
    config: PublishingConfig,
    /// At most one for each message that the broker has delivered.
    answers: Sender<Answer>,
    others: Sender<Other>,
    metrics: Arc<Metrics>,
}

/// What a message is answered with, and that it is acked then.
#[derive(Debug)]
struct Answer {
    about: About,
    reply_to: Option<ReplyTo>,
    then: AckAfter,
}

#[derive(Debug)]
enum About {
    /// Its notification has ended, or is set aside.
    Notification(NotificationId),
    /// It has none: why.
    Nothing(String),
}

/// Something has become of a notification whose message is acked, or that no message carries.
#[derive(Debug)]
enum Other {
    Completed(NotificationId),
    FailedSince(NotificationId, Instant),
    End,
}

impl Announcements {
    /// The notification of a message has ended, and this was its last delivery: answers its publisher, then has it acked. Never
    /// blocks.
    pub fn answer(&self, notification_id: NotificationId, reply_to: Option<&ReplyTo>, then: AckAfter) {
        let reply_to = reply_to.filter(|_| self.config.replies).cloned();
        if reply_to.is_none() && self.config.events_exchange.is_none() {
            return then.ack();
        }
        self.send(Answer { about: About::Notification(notification_id), reply_to, then });
    }

    /// A message is acked that no notification is opened for: tells its publisher why. Never blocks.
    pub fn refuse(&self, reason: &str, reply_to: Option<&ReplyTo>, then: AckAfter) {
        match reply_to.filter(|_| self.config.replies).cloned() {
            None => then.ack(),
            reply_to => self.send(Answer { about: About::Nothing(reason.to_owned()), reply_to, then }),
        }
    }

    fn send(&self, answer: Answer) {
        if self.answers.send(answer).is_err() {
            log::debug!("the announcer has ended; a message goes back to the queue");
        }
    }

    /// A notification is completed whose message is acked, or that no message carries. Never blocks.
    pub fn completed(&self, notification_id: NotificationId) {
        self.tell(Other::Completed(notification_id));
    }

    /// Mails of a completed notification have failed since then. Never blocks.
    pub fn failed_since(&self, notification_id: NotificationId, since: Instant) {
        self.tell(Other::FailedSince(notification_id, since));
    }

    fn tell(&self, other: Other) {
        if self.config.events_exchange.is_some()
            && let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = self.others.try_send(other)
        {
            events::publications::too_many(&self.metrics);
        }
    }

    /// Has the announcer end after everything that it was told.
    pub fn end(&self) {
        if self.others.send(Other::End).is_err() {
            log::debug!("the announcer has ended by itself");
        }
    }
}

/// What the announcer works with.
#[derive(Debug)]
pub struct Announcer {
    /// What is told.
    pub config: PublishingConfig,
    /// The ledger.
    pub store: Store,
    /// How its queries are repeated.
    pub database_retry: DatabaseRetry,
    /// A part of the ids of events: those of another database are others.
    pub installation: Installation,
    /// The way to the thread that publishes.
    pub publications: Sender<Publication>,
    /// Counters of the process.
    pub metrics: Arc<Metrics>,
}

impl Announcer {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(self) -> io::Result<(Announcements, JoinHandle<()>)> {
        let ((answers, asked), (others, told)) = (unbounded(), bounded(QUEUE));
        let (config, metrics) = (self.config.clone(), Arc::clone(&self.metrics));
        let thread = Builder::new().name("announcer".to_owned()).spawn(move || self.run(&asked, &told))?;
        Ok((Announcements { config, answers, others, metrics }, thread))
    }

    /// Answers come first: messages wait for them.
    fn run(self, answers: &Receiver<Answer>, others: &Receiver<Other>) {
        loop {
            while let Ok(answer) = answers.try_recv() {
                self.answer(answer);
            }
            select! {
                recv(answers) -> answer => match answer {
                    Ok(answer) => self.answer(answer),
                    Err(_) => return,
                },
                recv(others) -> other => match other {
                    Ok(Other::Completed(id)) => self.told(self.tell_completed(id)),
                    Ok(Other::FailedSince(id, since)) => self.told(self.tell_failed_since(id, since)),
                    Ok(Other::End) | Err(_) => return answers.try_iter().for_each(|answer| self.answer(answer)),
                },
            }
        }
    }

    fn answer(&self, answer: Answer) {
        // Without an ack the message comes again.
        if let Err(Stopped) = self.tell_and_ack(answer) {
            log::debug!("a message goes back to the queue, because the worker stops before it was answered");
        }
    }

    fn told(&self, told: Result<(), Stopped>) {
        if let Err(Stopped) = told {
            self.metrics.events_lost.inc();
        }
    }

    /// Publishes everything about the notification of a message. The last publication has the message acked.
    fn tell_and_ack(&self, answer: Answer) -> Result<(), Stopped> {
        let Answer { about, reply_to, then } = answer;
        let (found, reason) = match about {
            About::Notification(id) => {
                (self.find(id)?, "its notification is not in the database any more".to_owned())
            }
            About::Nothing(reason) => (None, reason),
        };
        let mut last = None;
        if let Some((record, tally)) = &found
            && self.config.events_exchange.is_some()
            && record.state == NotificationState::Completed
        {
            self.publish_failures(record, None)?;
            last = Some(self.completed_event(record, tally));
        }
        if let Some(to) = reply_to {
            last.map_or(Ok(()), |event| self.publish(event))?;
            last = Some(reply(to, found.as_ref(), &reason));
        }
        let Some(publication) = last else {
            then.ack();
            return Ok(());
        };
        self.publish(Publication { then: Some(then), ..publication })
    }

    fn tell_completed(&self, id: NotificationId) -> Result<(), Stopped> {
        match self.find(id)? {
            Some((record, tally)) if record.state == NotificationState::Completed => {
                self.publish_failures(&record, None)?;
                self.publish(self.completed_event(&record, &tally))
            }
            _ => Ok(()),
        }
    }

    fn tell_failed_since(&self, id: NotificationId, since: Instant) -> Result<(), Stopped> {
        match self.database_retry.until_ok(|| self.store.find_notification(id))? {
            Some(record) if record.state == NotificationState::Completed => {
                self.publish_failures(&record, since.checked_sub(CLOCK_MARGIN))
            }
            // Those that are set aside are told when they are completed.
            _ => Ok(()),
        }
    }

    /// The notification, and how it adds up.
    fn find(&self, id: NotificationId) -> Result<Option<(NotificationRecord, Tally)>, Stopped> {
        let Self { store, database_retry, .. } = self;
        let Some(record) = database_retry.until_ok(|| store.find_notification(id))? else { return Ok(None) };
        let tally = match database_retry.while_readable(|| store.tally(&record.notification))? {
            Ok(tally) => tally,
            Err(error) => {
                log::debug!(notification = id; "notification {id}: {error}");
                database_retry.until_ok(|| store.tally_without_participants(id))?
            }
        };
        Ok(Some((record, tally)))
    }

    fn publish_failures(&self, record: &NotificationRecord, since: Option<Instant>) -> Result<(), Stopped> {
        let Self { store, database_retry, .. } = self;
        let notification: &Notification = &record.notification;
        let mut after: Option<ParticipantId> = None;
        loop {
            let page = database_retry.until_ok(|| store.read_failures(notification, since, after, PAGE))?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = Some(last.participant_id);
            for (failure, key) in &page {
                let name =
                    format!("{}-{}", failure.participant_id, failure.decided_at.and_utc().timestamp_millis());
                let body = bodies::failed(record, failure, key.as_deref());
                self.publish(event(&self.installation, record, (FAILED, &name), body))?;
            }
        }
    }

    fn completed_event(&self, record: &NotificationRecord, tally: &Tally) -> Publication {
        event(&self.installation, record, (COMPLETED, "completed"), bodies::completed(record, tally))
    }

    /// Waits while many publications wait. The thread that publishes gives them up when the broker takes none for long.
    fn publish(&self, publication: Publication) -> Result<(), Stopped> {
        self.publications.send(publication).map_err(|_| Stopped)
    }
}
