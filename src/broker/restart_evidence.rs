//! Was the broker down between two sessions? A broker that crashes may have forgotten acks that it had only in memory, and
//! delivers their messages again; a broker that was only out of reach forgets nothing. What follows for a message is left
//! to `store::ledger::identity`.
//!
//! Only a broker that was seen not running counts as restarted. What each kind of loss proves, as measured with RabbitMQ
//! 3.10:
//!
//! | what happened | how the session ends | the attempts before the next one | a restart? |
//! | --- | --- | --- | --- |
//! | the broker is killed | reset, or closed without a reason | refused: nothing listens | yes |
//! | killed, behind a proxy or in a container network | the same | accepted and closed at once, no such host, no route | yes: reset, and an attempt failed |
//! | killed while it was frozen | silence, noticed after 20 s | no answer, then refused | yes |
//! | it is down when the worker starts | no session | refused | yes |
//! | frozen for a while | silence | no answer | no |
//! | the network is cut | silence | no answer, no route | no |
//! | half open: a proxy, firewall or NAT resets our side only | reset | the first one works | no: the broker ran |
//! | stopped or restarted in good order, or the connection closed by an operator | code 320 | may be refused | no: it writes acks to disk when it stops |
//! | late ack (406), queue deleted, unreadable frame | the broker gives a reason, or we leave | the first one works | no |
//! | a call hangs, and the watchdog ends the connection | closed by ourselves: counts as silence | none, the worker stops | no |
//!
//! What RabbitMQ 3.10.8 forgets when it is killed, measured with `basic.qos` behind each ack: it writes acks to disk when the
//! queue has been idle for 0.1 to 0.25 s, and when it confirms a message. Of 1,500 acks of a busy consumer all came back (225 where
//! the messages had been published without confirms), of 60 acks 50 ms apart all, of 20 acks 200 ms apart the last one, of 600
//! acks with a publisher with confirms beside them none. What comes back are always the newest acks, and the queue keeps its
//! order. Every message that survives is marked `redelivered`, also one that was never delivered.
//!
//! Of several hosts, only the one that the last session used proves anything, so it is tried first: that another one does not
//! run says nothing about the acks of the last session. Before the first session, all of them have to refuse.
//!
//! What cannot be told apart: a proxy in front of the broker that is restarted itself looks like a restart of the broker; a
//! broker that crashes and is back before the first attempt looks like a half-open connection, so that attempt is made at
//! once. A host with several addresses refuses only if none of them was out of reach (`net::connect`).

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use crate::broker::connection::HostFailure;
use crate::broker::error::BrokerError;

/// A session that begins within this time after the first one that followed a restart follows it, too: that one may
/// have been lost before all messages came again.
const STILL_FOLLOWS: Duration = Duration::from_secs(120);

/// What the losses and the attempts to connect have shown so far.
#[derive(Debug, Default)]
pub(super) struct RestartEvidence {
    loss: Option<Loss>,
    restart: Option<Restart>,
    /// The host of the last session.
    host: Option<usize>,
}

/// How the last session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    /// Its connection was reset, or closed without a reason.
    Reset,
    /// The broker said that it or an operator closes the connection (code 320).
    Announced,
    /// In another way, which proves nothing.
    Other,
}

/// The broker was seen not running.
#[derive(Debug, Clone, Copy)]
enum Restart {
    /// No session has begun since.
    Seen,
    /// The first session after it began at this time.
    Followed(Instant),
}

impl RestartEvidence {
    /// A session was lost.
    pub(super) fn session_lost(&mut self, cause: &BrokerError) {
        self.loss = Some(match cause {
            BrokerError::Reset(_) => Loss::Reset,
            BrokerError::Closed { code: 320, .. } => Loss::Announced,
            _ => Loss::Other,
        });
    }

    /// An attempt failed with these hosts. `all`: there is no other.
    pub(super) fn hosts_failed(&mut self, failures: &[HostFailure], all: bool) {
        let proof = match self.host {
            Some(host) => failures.iter().find(|failure| failure.host == host),
            None if all => {
                let running = failures.iter().find(|failure| !is_refused(&failure.error));
                running.or(failures.first())
            }
            None => None,
        };
        if let Some(failure) = proof {
            self.attempt_failed(&failure.error);
        }
    }

    /// No session began through this host.
    pub(super) fn host_failed(&mut self, host: usize, cause: &BrokerError) {
        if self.host.is_none_or(|last| last == host) {
            self.attempt_failed(cause);
        }
    }

    fn attempt_failed(&mut self, cause: &BrokerError) {
        let proves = match self.loss {
            Some(Loss::Announced) => false,
            // A broker that objects to user, virtual host or queue runs.
            Some(Loss::Reset) => cause.is_transient(),
            Some(Loss::Other) | None => is_refused(cause),
        };
        if proves {
            self.restart = Some(Restart::Seen);
        }
    }

    /// A session begins through this host. Returns whether it follows a restart of the broker.
    pub(super) fn session_begins(&mut self, host: usize, now: Instant) -> bool {
        self.loss = None;
        self.host = Some(host);
        self.restart = self.restart.and_then(|restart| match restart {
            Restart::Seen => Some(Restart::Followed(now)),
            Restart::Followed(first) => (now.duration_since(first) <= STILL_FOLLOWS).then_some(restart),
        });
        self.restart.is_some()
    }
}

/// Whether nothing listens at the broker's port.
fn is_refused(cause: &BrokerError) -> bool {
    matches!(cause, BrokerError::Unreachable { cause, .. } if cause.kind() == ErrorKind::ConnectionRefused)
}

#[cfg(test)]
mod tests;
