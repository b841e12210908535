//! The thread that publishes replies and events: what waits is sent together, and tried again while that makes sense. Messages are
//! acked when that is done. What is on one connection is left to `link`.
//!
//! If nothing can be published for [`GIVE_UP_AFTER`], everything that waits is given up, counted, and its messages acked; what comes
//! then is given up at once until publishing works again. A broker with an alarm takes no messages from anyone, and gets free only
//! if its queues are consumed: a worker that waited with its acks would keep it as it is.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use crate::broker::connect_attempts::{ConnectAttempt, ConnectAttempts};
use crate::broker::error::BrokerError;
use crate::broker::publications::link::{CONFIRM_TIMEOUT, Fate, Link, Round};
use crate::broker::publications::publication::{AckAfter, Destination, Publication};
use crate::broker::watchdog::CallWatchdog;
use crate::config::broker::BrokerConfig;
use crate::domain::backoff::Backoff;
use crate::observe::events::publications::PublicationHealth;
use crate::observe::health::Monitor;
use crate::shutdown::Shutdown;

/// For how long publications wait for a broker that does not take them.
const GIVE_UP_AFTER: Duration = CONFIRM_TIMEOUT;

/// Most that are sent before their confirms are waited for.
const BATCH: usize = 64;

/// How often the thread looks whether publishing works again, while nothing waits.
const RECHECK: Duration = Duration::from_secs(60);

/// How often it looks at a broker that takes no messages.
const BLOCKED_PAUSE: Duration = Duration::from_millis(250);

/// The state of the thread.
pub(super) struct PublicationThread {
    config: BrokerConfig,
    publications: Receiver<Publication>,
    waiting: VecDeque<Publication>,
    /// Of publications that are done with, although earlier ones wait, which may be of the same messages.
    held: Vec<AckAfter>,
    attempts: ConnectAttempts,
    link: Option<Link>,
    /// Failures in a row.
    failures: u32,
    failing_since: Option<Instant>,
    retry_at: Option<Instant>,
    health: PublicationHealth,
    watchdog: CallWatchdog,
    shutdown: Shutdown,
}

impl PublicationThread {
    pub(super) fn new(
        config: &BrokerConfig,
        publications: Receiver<Publication>,
        monitor: &Monitor,
        watchdog: &CallWatchdog,
        shutdown: &Shutdown,
    ) -> Self {
        Self {
            config: config.clone(),
            publications,
            waiting: VecDeque::new(),
            held: Vec::new(),
            attempts: ConnectAttempts::default(),
            link: None,
            failures: 0,
            failing_since: None,
            retry_at: None,
            health: PublicationHealth::new(monitor),
            watchdog: watchdog.clone(),
            shutdown: shutdown.clone(),
        }
    }

    /// Runs until the last sender is gone.
    pub(super) fn run(mut self) {
        while self.fill() {
            let is_wanted = |one: &Publication| one.then.as_ref().is_none_or(AckAfter::is_wanted);
            self.waiting.retain(is_wanted);
            self.ack_held();
            let now = Instant::now();
            if self.retry_at.is_none_or(|retry_at| retry_at <= now) {
                match self.publish() {
                    Ok(()) => self.works(),
                    Err(error) => self.failed(&error, now),
                }
            }
            if self.failing_since.is_some() && self.shutdown.requested() {
                self.leave();
            } else if self.failing_since.is_some_and(|since| since.elapsed() >= GIVE_UP_AFTER) {
                self.give_up();
            }
        }
        self.disconnect();
    }

    /// Waits until there is something to publish, or to look at. `false` when no sender is left.
    fn fill(&mut self) -> bool {
        if self.waiting.is_empty() {
            match self.publications.recv_timeout(RECHECK) {
                Ok(first) => self.waiting.push_back(first),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        } else if let Some(retry_at) = self.retry_at
            && self.shutdown.wait(retry_at.saturating_duration_since(Instant::now()))
        {
            log::trace!("a shutdown is requested: nothing is tried again");
        }
        let free = BATCH.saturating_sub(self.waiting.len());
        self.waiting.extend(self.publications.try_iter().take(free));
        true
    }

    /// Publishes what waits, and settles what is done with. Without anything that waits, connects only if publishing has failed.
    fn publish(&mut self) -> Result<(), BrokerError> {
        if self.waiting.is_empty() && self.failing_since.is_none() {
            return Ok(());
        }
        let mut link = self.link()?;
        let (mut fates, result): Round = link.publish(&self.waiting, &self.shutdown, &self.watchdog);
        match &result {
            Ok(()) | Err(BrokerError::Blocked { .. }) => self.link = Some(link),
            Err(_) => return Err(self.lost(link, fates, result)),
        }
        if let Some(problem) = self.link.as_ref().and_then(Link::problem) {
            self.health.failed(problem, self.waiting.len());
        }
        self.settle(&mut fates);
        result
    }

    fn lost(
        &mut self,
        link: Link,
        mut fates: Vec<(usize, Fate)>,
        result: Result<(), BrokerError>,
    ) -> BrokerError {
        self.settle(&mut fates);
        let closed = link.close();
        let error = result.err().unwrap_or_else(|| BrokerError::Lost("the connection was closed".to_owned()));
        error.explained_by(closed)
    }

    /// The open connection, or a new one. One that cannot be used for everything is closed now and then, so that the exchange is
    /// looked at again.
    fn link(&mut self) -> Result<Link, BrokerError> {
        match self.link.take() {
            Some(link) if link.problem().is_some() && link.opened_at.elapsed() >= RECHECK => {
                self.link = Some(link);
                self.disconnect();
            }
            Some(link) => return Ok(link),
            None => {}
        }
        self.attempts.set_prompt(true);
        match self.attempts.next(&self.config, &self.shutdown) {
            ConnectAttempt::Open(connection) => {
                let opened = Link::open(*connection, &self.config.publishing, &self.watchdog);
                opened.inspect_err(|_| self.attempts.begin_with_next_host())
            }
            ConnectAttempt::Failed(failures) => Err(BrokerError::of_hosts(failures)),
            ConnectAttempt::Stopped => Err(BrokerError::Lost("a shutdown was requested".to_owned())),
        }
    }

    /// Takes out what is done with, and acks its messages if everything before it is done with.
    fn settle(&mut self, fates: &mut Vec<(usize, Fate)>) {
        fates.sort_unstable_by_key(|(place, _)| *place);
        let mut fates = fates.drain(..).peekable();
        for (place, publication) in std::mem::take(&mut self.waiting).into_iter().enumerate() {
            match fates.next_if(|(done, _)| *done == place) {
                Some((_, fate)) => self.done(publication, &fate),
                None => self.waiting.push_back(publication),
            }
        }
        self.ack_held();
    }

    fn ack_held(&mut self) {
        if self.waiting.is_empty() {
            self.held.drain(..).for_each(|then| then.ack());
        }
    }

    fn done(&mut self, publication: Publication, fate: &Fate) {
        let is_reply = matches!(publication.to, Destination::Reply(_));
        match fate {
            Fate::Published => self.health.published(is_reply),
            Fate::Unroutable(words) => self.health.unroutable(words),
            Fate::GivenUp(reason) => self.health.given_up(is_reply, reason),
        }
        match publication.then {
            Some(then) if self.waiting.is_empty() => then.ack(),
            then => self.held.extend(then),
        }
    }

    fn works(&mut self) {
        (self.failures, self.failing_since, self.retry_at) = (0, None, None);
        if self.link.as_ref().is_some_and(|link| link.problem().is_none()) {
            self.health.works();
        }
    }

    fn failed(&mut self, error: &BrokerError, began_at: Instant) {
        self.failures = self.failures.saturating_add(1);
        self.failing_since.get_or_insert(began_at);
        let pause = match error {
            BrokerError::Blocked { .. } => BLOCKED_PAUSE,
            _ => Backoff::RECONNECT.pause(self.failures, fastrand::f64()),
        };
        self.retry_at = Some(Instant::now() + pause);
        if !self.shutdown.requested() {
            self.health.failed(error, self.waiting.len());
        }
    }

    /// Publishing has not worked for long.
    fn give_up(&mut self) {
        for publication in std::mem::take(&mut self.waiting) {
            self.done(publication, &Fate::GivenUp("publishing has not worked for long".to_owned()));
        }
        self.ack_held();
    }

    /// The worker stops, and publishing does not work: messages that are not answered go back to their queue.
    fn leave(&mut self) {
        self.held.clear();
        for publication in std::mem::take(&mut self.waiting) {
            if publication.then.is_none() {
                self.health.given_up(matches!(publication.to, Destination::Reply(_)), "the worker stops");
            }
        }
    }

    fn disconnect(&mut self) {
        if let Some(Err(error)) = self.link.take().map(Link::close) {
            log::debug!("closing the connection for replies and events: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::unbounded;

    use super::*;
    use crate::broker::incoming::Settlement;
    use crate::broker::live_session::LiveSession;
    use crate::broker::watchdog::Limits;
    use crate::config::Config;
    use crate::domain::reply_to::ReplyTo;
    use crate::domain::session::Receipt;
    use crate::shutdown::shutdown_pair;

    #[test]
    fn a_message_is_not_acked_while_one_of_its_events_is_to_be_published_again() {
        let config = Config::from_lookup(&|_| None).unwrap().broker;
        let ((_sender, publications), (settlements, settled)) = (unbounded(), unbounded());
        let (_trigger, shutdown) = shutdown_pair();
        let watchdog = CallWatchdog::new(Limits::default());
        let mut thread =
            PublicationThread::new(&config, publications, &Monitor::default(), &watchdog, &shutdown);
        let receipt = Receipt { session: 1, tag: 1 };
        let then = AckAfter { receipt, settlements, live_session: LiveSession::default() };
        let reply = Publication::reply(ReplyTo::new(Some("replies"), None).unwrap(), Vec::new());
        let to = Destination::Events("notification.completed");
        thread.waiting.push_back(Publication {
            to,
            message_id: "e".to_owned(),
            body: Vec::new(),
            traceparent: None,
            then: None,
        });
        thread.waiting.push_back(Publication { then: Some(then), ..reply });

        // The channel for events was lost, that for replies was not.
        thread.settle(&mut vec![(1, Fate::Published)]);
        assert!(settled.try_recv().is_err());
        thread.settle(&mut vec![(1, Fate::Published), (0, Fate::Published)]);
        assert_eq!(settled.try_recv(), Ok(Settlement::Ack(receipt)));
        assert!(thread.waiting.is_empty());
    }
}
