//! A connection for replies and events. Each of the two has a channel of its own, because the broker closes a channel on which a
//! message cannot be published. When to connect again, and for how long to try, is left to `thread`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use amiquip::{AmqpProperties, AmqpValue, ConnectionBlockedNotification as Blocked, Publish};
use crossbeam_channel::{Receiver, never, select};

use crate::broker::amiquip_error::quoted;
use crate::broker::connection::BrokerConnection;
use crate::broker::error::BrokerError;
use crate::broker::error::events_exchange::EventsExchangeError;
use crate::broker::publications::confirm_channel::{Answer, ConfirmChannel, Loss};
use crate::broker::publications::publication::{Destination, Publication};
use crate::broker::publisher::json_properties;
use crate::broker::publisher_headers::TRACEPARENT;
use crate::broker::topology::events_exchange;
use crate::broker::watchdog::CallWatchdog;
use crate::config::broker::publishing::PublishingConfig;
use crate::shutdown::Shutdown;

/// Longest wait for the confirms of messages that are sent together.
pub(super) const CONFIRM_TIMEOUT: Duration = Duration::from_secs(30);

/// The same once a shutdown is requested.
const SHUTDOWN_WAIT: Duration = Duration::from_secs(2);

/// What became of a publication. One that stays is to be published again.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The broker has it.
    Published,
    /// No queue takes it.
    Unroutable(String),
    /// It will never be published, or not soon: why.
    GivenUp(String),
}

/// What became of some publications, by their places, and what went wrong with the others.
pub(super) type Round = (Vec<(usize, Fate)>, Result<(), BrokerError>);

/// A connection with both channels.
pub(super) struct Link {
    connection: BrokerConnection,
    replies: Way,
    events: Way,
    exchange: String,
    blocked: Receiver<Blocked>,
    /// Why the broker takes no messages.
    blocked_because: Option<String>,
    pub(super) opened_at: Instant,
}

/// A channel, or why there is none.
type Way = Result<ConfirmChannel, String>;

impl Link {
    pub(super) fn open(
        mut connection: BrokerConnection,
        config: &PublishingConfig,
        watchdog: &CallWatchdog,
    ) -> Result<Self, BrokerError> {
        let socket = Arc::clone(&connection.socket);
        let opened = watchdog.guard("opening channels for replies and events", &socket, || {
            let blocked = connection.listen_for_blocked()?;
            let replies = ConfirmChannel::open(&mut connection, message_id)?;
            let events = match &config.events_exchange {
                Some(exchange) => find_exchange(&mut connection, exchange)?,
                None => Err("EVENTS_EXCHANGE is not set".to_owned()),
            };
            Ok((blocked, replies, events))
        });
        match opened {
            Ok((blocked, replies, events)) => Ok(Self {
                connection,
                replies: Ok(replies),
                events,
                exchange: config.events_exchange.clone().unwrap_or_default(),
                blocked,
                blocked_because: None,
                opened_at: Instant::now(),
            }),
            Err(error) => Err(BrokerError::explained_by(error, connection.close())),
        }
    }

    /// Why replies or events cannot be published, although the connection works.
    pub(super) fn problem(&self) -> Option<&String> {
        let events = self.events.as_ref().err().filter(|_| !self.exchange.is_empty());
        self.replies.as_ref().err().or(events)
    }

    /// Publishes what is waiting, and waits for the answers.
    pub(super) fn publish(
        &mut self,
        waiting: &VecDeque<Publication>,
        shutdown: &Shutdown,
        watchdog: &CallWatchdog,
    ) -> Round {
        let mut fates = Vec::new();
        let mut result = self.read_blocked();
        if result.is_ok() {
            result = self.send(waiting, &mut fates).and_then(|()| self.wait(waiting, &mut fates, shutdown));
        }
        if result.is_err() {
            let socket = Arc::clone(&self.connection.socket);
            let look = || self.look_at_channels(&mut fates, result);
            result = watchdog.guard("asking why messages were not confirmed", &socket, look);
        }
        for way in [&mut self.replies, &mut self.events].into_iter().flatten() {
            way.forget();
        }
        (fates, result)
    }

    fn way(&mut self, to: &Destination) -> &mut Way {
        match to {
            Destination::Reply(_) => &mut self.replies,
            Destination::Events(_) => &mut self.events,
        }
    }

    fn read_blocked(&mut self) -> Result<(), BrokerError> {
        for notice in self.blocked.try_iter() {
            self.blocked_because = match notice {
                Blocked::Blocked(reason) => Some(quoted(&reason)),
                Blocked::Unblocked => None,
            };
        }
        match self.blocked_because.clone() {
            Some(reason) => Err(BrokerError::Blocked { reason }),
            None => Ok(()),
        }
    }

    fn send(
        &mut self,
        waiting: &VecDeque<Publication>,
        fates: &mut Vec<(usize, Fate)>,
    ) -> Result<(), BrokerError> {
        let exchange = self.exchange.clone();
        for (place, publication) in waiting.iter().enumerate() {
            let (exchange, key, mandatory) = match &publication.to {
                // To a direct reply a broker says that no queue takes it, although it hands it over (RabbitMQ, direct reply-to).
                Destination::Reply(to) => ("", to.queue.as_str(), !to.is_direct()),
                Destination::Events(key) => (exchange.as_str(), *key, false),
            };
            let mut publish = Publish::with_properties(&publication.body, key, properties(publication));
            publish.mandatory = mandatory;
            match self.way(&publication.to) {
                Ok(channel) => channel.send(exchange, publish, place)?,
                Err(problem) => fates.push((place, Fate::GivenUp(problem.clone()))),
            }
        }
        Ok(())
    }

    /// Returns when everything is answered.
    fn wait(
        &mut self,
        waiting: &VecDeque<Publication>,
        fates: &mut Vec<(usize, Fate)>,
        shutdown: &Shutdown,
    ) -> Result<(), BrokerError> {
        let mut deadline = Instant::now() + CONFIRM_TIMEOUT;
        let mut stopping = shutdown.receiver().clone();
        let nothing = never();
        let id_of = |place: usize| waiting.get(place).map_or("", |publication| &publication.message_id);
        while [&self.replies, &self.events].into_iter().flatten().any(ConfirmChannel::waits) {
            let confirms = |way: &Way| way.as_ref().map_or(nothing.clone(), |way| way.confirms.clone());
            let (replies, events) = (confirms(&self.replies), confirms(&self.events));
            let (way, confirm) = select! {
                recv(replies) -> confirm => (&mut self.replies, confirm),
                recv(events) -> confirm => (&mut self.events, confirm),
                recv(stopping) -> _ => {
                    stopping = never();
                    deadline = deadline.min(Instant::now() + SHUTDOWN_WAIT);
                    continue;
                }
                default(deadline.saturating_duration_since(Instant::now())) => {
                    return self.overdue(fates, shutdown.requested());
                }
            };
            let confirm = confirm.map_err(|_| BrokerError::Lost("a channel was closed".to_owned()))?;
            if let Ok(channel) = way {
                let answered = channel.answered(confirm, id_of);
                fates.extend(answered.into_iter().map(|(place, answer)| (place, Fate::from(answer))));
            }
        }
        Ok(())
    }

    /// Confirms did not come in time. Messages that a blocked broker has not read yet are in its socket, and may arrive later. A worker that
    /// stops gives nothing up: the next one tells it again.
    fn overdue(&mut self, fates: &mut Vec<(usize, Fate)>, stopping: bool) -> Result<(), BrokerError> {
        let blocked = self.read_blocked();
        if let (Err(error), false) = (&blocked, stopping) {
            for way in [&mut self.replies, &mut self.events].into_iter().flatten() {
                fates.extend(way.forget().into_iter().map(|place| (place, Fate::GivenUp(error.to_string()))));
            }
        }
        blocked.and(Err(BrokerError::Unconfirmed(CONFIRM_TIMEOUT.as_secs())))
    }

    /// After a failure: if the broker has closed one of the channels only, the connection is as good as before.
    fn look_at_channels(
        &mut self,
        fates: &mut Vec<(usize, Fate)>,
        failure: Result<(), BrokerError>,
    ) -> Result<(), BrokerError> {
        if matches!(failure, Err(BrokerError::Blocked { .. } | BrokerError::Unconfirmed(_))) {
            return failure;
        }
        let mut result = failure;
        for is_events in [false, true] {
            let way = if is_events { &mut self.events } else { &mut self.replies };
            let Ok(channel) = way else { continue };
            match channel.loss() {
                Loss::Connection(BrokerError::Lost(_)) => {}
                Loss::Connection(error) => return Err(error),
                Loss::Channel(error) => {
                    let is_missing = matches!(error, BrokerError::Closed { code: 404, .. });
                    let problem = if is_events { not_writable(error, &self.exchange) } else { error };
                    let places = channel.forget();
                    *way = if is_events && is_missing {
                        find_exchange(&mut self.connection, &self.exchange)?
                    } else {
                        let gone = problem.to_string();
                        fates.extend(places.into_iter().map(|place| (place, Fate::GivenUp(gone.clone()))));
                        Err(gone)
                    };
                    result = Ok(());
                }
            }
        }
        result
    }

    /// Closes; see [`BrokerConnection::close`].
    pub(super) fn close(self) -> Result<(), BrokerError> {
        self.connection.close()
    }
}

/// Each publication has its own.
fn message_id(properties: &AmqpProperties) -> String {
    properties.message_id().clone().unwrap_or_default()
}

/// The channel for events, or why they cannot be published.
fn find_exchange(connection: &mut BrokerConnection, exchange: &str) -> Result<Way, BrokerError> {
    match events_exchange::find_or_declare(connection, exchange) {
        Ok(()) => Ok(Ok(ConfirmChannel::open(connection, message_id)?)),
        Err(error @ BrokerError::EventsExchange(_)) => Ok(Err(error.to_string())),
        Err(error) => Err(error),
    }
}

fn not_writable(error: BrokerError, exchange: &str) -> BrokerError {
    match error {
        BrokerError::Closed { code: 403, message } => {
            EventsExchangeError::NotWritable { exchange: exchange.to_owned(), message }.into()
        }
        error => error,
    }
}

fn properties(publication: &Publication) -> AmqpProperties {
    let mut properties = json_properties(&publication.message_id);
    if let Some(traceparent) = publication.traceparent {
        let header = (TRACEPARENT.to_owned(), AmqpValue::LongString(traceparent.to_string()));
        properties = properties.with_headers([header].into_iter().collect());
    }
    match &publication.to {
        Destination::Reply(to) => match to.correlation_id.clone() {
            Some(id) => properties.with_correlation_id(id),
            None => properties,
        },
        Destination::Events(kind) => properties.with_type_((*kind).to_owned()),
    }
}

impl From<Answer> for Fate {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Confirmed => Self::Published,
            Answer::Unroutable(words) => Self::Unroutable(words),
            Answer::Refused => {
                Self::GivenUp("the broker refused the message; most likely its queue is full".to_owned())
            }
        }
    }
}
