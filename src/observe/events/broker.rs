//! The broker: connections are lost and made, and calls hang.

use std::fmt::Display;
use std::time::Duration;

use chrono::Utc;

use crate::observe::health::{Health, Part};
use crate::observe::progress::FanOuts;
use crate::text::timestamp::to_the_second;

/// The health of one connection to the broker.
#[derive(Debug, Clone)]
pub struct ConnectionHealth {
    /// Which problem it sets.
    pub part: Part,
    /// Completes "cannot …", such as "take messages".
    pub purpose: String,
    /// Where the problem is set.
    pub health: Health,
    /// What goes on meanwhile.
    pub fan_outs: FanOuts,
}

/// An attempt to connect that has failed.
#[derive(Debug, Clone, Copy)]
pub struct ConnectFailure {
    /// Whether another one may work without a change.
    pub transient: bool,
    /// Its number in this outage.
    pub attempt: u32,
    /// For how long there has been no connection.
    pub lasted: Duration,
    /// The longest pause before the next attempt.
    pub next_within: Duration,
}

/// An outage of this length is told with its begin.
const LONG: Duration = Duration::from_secs(60);

/// What an outage came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovery {
    /// The attempt that worked.
    pub attempt: u32,
    /// From the first failure to the connection.
    pub lasted: Duration,
}

impl ConnectionHealth {
    /// An attempt to connect failed. `logged`: the log has said so lately.
    pub fn connect_failed(&self, error: &impl Display, failure: &ConnectFailure, logged: bool) {
        self.health.set_problem(self.part, error.to_string());
        if logged {
            return;
        }
        let ConnectFailure { transient, attempt, lasted, next_within } = *failure;
        let outlook = if transient { "until it works" } else { "but it cannot work until this is corrected" };
        let since = if lasted < LONG {
            String::new()
        } else {
            format!(" since {}", to_the_second(Utc::now() - lasted))
        };
        let meanwhile = self.fan_outs.describe_waiting().filter(|_| lasted >= LONG);
        log::warn!(
            queue = self.health.queue(),
            attempt = attempt,
            seconds = lasted.as_secs(),
            reason:% = error;
            "cannot {}{since} (attempt {attempt}): {error}; retrying {outlook}{}{}",
            self.purpose,
            if lasted < LONG { String::new() } else { format!(", next attempt within {} s", next_within.as_secs()) },
            meanwhile.map_or(String::new(), |mails| format!("; {mails} are sent meanwhile"))
        );
    }

    /// An open connection was lost. `logged`: the log has said so lately.
    pub fn lost(&self, error: &impl Display, logged: bool) {
        self.health.set_problem(self.part, error.to_string());
        if logged {
            log::debug!(queue = self.health.queue(), reason:% = error; "connection to the broker lost again: {error}");
        } else {
            log::warn!(
                queue = self.health.queue(), reason:% = error;
                "cannot {} any more: {error}; reconnecting until it works",
                self.purpose
            );
        }
    }

    /// `count` connections in a row ended with a frame that cannot be read, soon after they were made: a message is the
    /// cause.
    pub fn poison_suspected(&self, count: u32, queue: &str) {
        log::error!(
            queue = queue;
            "{count} connections in a row were lost soon after they began to {}: the broker sent what the AMQP library cannot \
             read. A message \
             near the head of the queue {queue} breaks the protocol for this program; a routing key that is not UTF-8 \
             text does that. Nothing is lost, but no message can be processed until that one is removed. Look at the \
             first messages with Get messages on the broker's management page, and remove the bad one there; or, once \
             you have seen that it is the first one, with rabbitmqadmin get queue={queue} \
             ackmode=ack_requeue_false count=1. Do not use rabbitmqctl purge_queue: it deletes all messages",
            self.purpose
        );
    }

    /// The connection works.
    pub fn connected(&self) {
        self.health.clear_problem(self.part);
    }
}

/// What to add to a line about a connection that works: nothing, if nothing had failed.
fn describe_recovery(recovery: Option<Recovery>) -> String {
    recovery.map_or(String::new(), |Recovery { attempt, lasted }| {
        format!(", reconnected at attempt {attempt} after {} s", lasted.as_secs())
    })
}

/// A host of the broker cannot be used; another one works.
pub fn passed_over(error: &impl Display) {
    log::warn!(reason:% = error; "cannot use a host of the broker, so the next one is used: {error}");
}

/// Messages are taken from `queue` at `peer`. `follows_restart`: the broker was seen not running before.
pub fn subscribed(peer: &str, queue: &str, prefetch: u16, recovery: Option<Recovery>, follows_restart: bool) {
    log::info!(
        queue = queue, prefetch = prefetch, attempt = recovery.map(|recovery| recovery.attempt);
        "connected to {peer}{}{}; taking messages from {queue}, at most {prefetch} at a time",
        describe_recovery(recovery),
        if follows_restart { "; the broker was down before" } else { "" }
    );
}

/// `queue` is bound to an exchange. `binding`: the exchange and the routing keys.
pub fn bound(queue: &str, binding: &impl Display) {
    log::info!(queue = queue; "the queue {queue} is bound to {binding}");
}

/// All bindings were tried again. `problems`: those that cannot be made any more.
pub fn bindings_looked_at(health: &Health, problems: &[String]) {
    if problems.is_empty() {
        return health.clear_note(Part::Broker);
    }
    for problem in problems {
        log::warn!(reason = problem; "{problem}. The worker takes what is in the queue");
    }
    health.set_note(Part::Broker, problems.join("; "));
}

/// The broker closed the connection because an ack was late. `logged`: the log has said so before.
pub fn ack_timed_out(error: &impl Display, advice: &str, logged: bool) {
    if logged {
        log::debug!("{error}");
    } else {
        log::warn!(
            "{error}. The fan-out continues, no mail is sent twice, and the message is redelivered. This is logged once. \
             {advice}"
        );
    }
}

/// A queue that counts deliveries has delivered a message `count` times before.
pub fn delivered_often(count: u64) {
    log::warn!(
        "a message was delivered {count} times before, and was returned to its queue each time. The queue counts \
         deliveries, as quorum queues do, and RabbitMQ from 4.0 on deletes a message, or moves it to the dead-letter exchange \
         of the queue, after delivery-limit deliveries (20 by default); before 4.3 each stop of a worker and each lost \
         connection counts. Set a higher delivery-limit with a policy, and look why workers stop so often. If the message \
         is gone, the rest is sent with: fanmail retry --notification N --message-lost"
    );
}

/// The connection was lost after a shutdown was requested.
pub fn lost_while_stopping(error: &impl Display) {
    log::info!(
        reason:% = error;
        "lost the connection to the broker while stopping; unacked messages will be redelivered: {error}"
    );
}

/// The broker thread ends. Where it never had a session, there is nothing to say.
pub fn disconnected(had_session: bool) {
    if had_session {
        log::info!("disconnected from the broker; unfinished messages are back in the queue");
    }
}

/// A call into the AMQP library has not returned for `lasted`; `call` completes "the broker has not answered to …".
pub fn call_hangs(call: &str, lasted: Duration) {
    log::error!(
        seconds = lasted.as_secs();
        "the broker has not answered to {call} for {} s, and no heartbeat has ended the connection: either the broker is \
         frozen or unreachable and its configuration turns heartbeats off (heartbeat = 0), or the AMQP library hangs. \
         Stopping with exit code 1, so that a supervisor restarts the worker: mails in flight are finished, unfinished \
         messages go back to the queue. Check the broker, and turn its heartbeats on (heartbeat = 60)",
        lasted.as_secs()
    );
}
