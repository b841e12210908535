//! SMTP: keeps one connection to the relay and decides what is written on it when. Connecting, TLS, EHLO and AUTH are
//! left to `connector`.
//!
//! If the relay offers PIPELINING, the envelope of the next mail is written directly behind the body of the mail before
//! it, in one write: a group may begin with the end of a body, and ends with `DATA` (RFC 2920 section 3.1). So a mail
//! takes one round trip instead of two:
//!
//! ```text
//! ► body 1 . MAIL 2 RCPT 2 DATA        ◄ 250  250 250 354        ► body 2 . MAIL 3 RCPT 3 DATA
//! ```

pub(crate) mod auth;
pub(crate) mod capabilities;
pub mod connection;
pub mod connector;
pub(crate) mod envelope;
pub(crate) mod opening;
pub mod probe;
pub mod reply;
pub mod single;
pub(crate) mod socket;
pub(crate) mod stream;

use std::time::{Duration, Instant};

use crate::channels::callbacks::{Step, SubmitCallbacks};
use crate::channels::email::mail::Mail;
use crate::channels::email::smtp::connection::{PipelinedEnvelope, RelayConnection};
use crate::channels::email::smtp::connector::RelayConnector;
use crate::channels::email::smtp::envelope::{Envelope, TransactionError};
use crate::channels::email::smtp::reply::Reply;
use crate::channels::email::smtp::reply::phase::Phase;
use crate::channels::{Class, SendError};
use crate::config::email::relay::Relay;

/// Longest time that a relay may wait for a body before we doubt it. Postfix under stress gives up after 10 s.
const MAX_DATA_WAIT: Duration = Duration::from_secs(5);

/// A reply to a body that takes longer than this is slow: the next mail had better go out on another connection.
const SLOW_REPLY: Duration = Duration::from_secs(2);

/// A connection on which so many mails were throttled in a row is replaced. Some relays mean the mails of the connection,
/// and do not say so: "460 too many messages" of Symantec.
const MAX_THROTTLED: u32 = 2;

/// Owns one connection to the relay. Replaces it after `SMTP_MAX_PER_CONNECTION` mails, after `SMTP_IDLE_TIMEOUT`, and
/// when it is broken.
pub struct SmtpTransport {
    connector: RelayConnector,
    max_per_connection: u32,
    timeout: Duration,
    idle_timeout: Duration,
    connection: Option<RelayConnection>,
    last_used: Instant,
    max_data_wait: Duration,
    /// Whether envelopes are pipelined behind bodies. Turned off when the relay does not accept that.
    pipelines_next: bool,
    /// A body with an envelope behind it. Kept to reuse the allocation.
    group: String,
}

impl SmtpTransport {
    /// A transport that is not connected yet.
    #[must_use]
    pub fn new(connector: RelayConnector) -> Self {
        let Relay { max_per_connection, timeout, idle_timeout, .. } = *connector.relay();
        Self {
            connector,
            max_per_connection,
            timeout,
            idle_timeout,
            connection: None,
            last_used: Instant::now(),
            max_data_wait: MAX_DATA_WAIT,
            pipelines_next: true,
            group: String::new(),
        }
    }

    /// Submits the mail on this connection, and keeps the connection if it is still usable.
    fn submit_on(
        &mut self,
        mut connection: RelayConnection,
        mail: &Mail,
        next: Option<&Mail>,
        callbacks: &mut dyn SubmitCallbacks,
    ) -> Result<(), TransactionError> {
        connection.mails += 1;
        let result = self.transact(&mut connection, mail, next, callbacks);
        self.last_used = Instant::now();
        let broken = matches!(
            result,
            Err(TransactionError::Broken(..) | TransactionError::BodyDelayed | TransactionError::Withdrawn)
        );
        let is_throttled = matches!(&result, Err(TransactionError::Refused(error)) if error.is_throttled());
        connection.throttled = if is_throttled { connection.throttled + 1 } else { 0 };
        if !broken && !connection.next_taken_back {
            self.connection = Some(connection);
        }
        result
    }

    /// One transaction on an open connection.
    fn transact(
        &mut self,
        connection: &mut RelayConnection,
        mail: &Mail,
        next: Option<&Mail>,
        callbacks: &mut dyn SubmitCallbacks,
    ) -> Result<(), TransactionError> {
        let opened_at = Instant::now();
        let opened = self.open_transaction(connection, mail);
        let relay_waits_since = Instant::now();
        callbacks.took(Step::Envelope, relay_waits_since - opened_at);
        opened?;
        let next = next.filter(|next| self.may_pipeline(connection, next));
        if let Some(next) = next {
            self.group.clear();
            self.group.push_str(&mail.data);
            self.group.push_str(&Envelope::new(next).all_commands());
        }
        if !callbacks.before_body() {
            // No command ends the relay's wait for a body. Only closing the connection does.
            return Err(TransactionError::Withdrawn);
        }
        if relay_waits_since.elapsed() >= self.max_data_wait {
            return Err(TransactionError::BodyDelayed);
        }
        let body = if next.is_some() { &self.group } else { &mail.data };
        let (written_at, mut taken_back) = (Instant::now(), false);
        let reply = connection.command_body(body, &mut || {
            if !taken_back && written_at.elapsed() >= SLOW_REPLY {
                taken_back = callbacks.reply_is_slow();
            }
        });
        let replied_at = Instant::now();
        callbacks.took(Step::Body, replied_at - written_at);
        connection.next_taken_back = taken_back && next.is_some();
        connection.pipelined =
            next.map(|next| PipelinedEnvelope { message_id: next.message_id.clone(), since: replied_at });
        body_result(&reply, callbacks)
    }

    /// Makes the relay wait for the body of `mail`: sends the envelope, or reads the replies to one that was pipelined.
    fn open_transaction(
        &self,
        connection: &mut RelayConnection,
        mail: &Mail,
    ) -> Result<(), TransactionError> {
        match connection.pipelined.take() {
            None => match unsupported_reason(connection, mail) {
                None => Envelope::new(mail).send(connection),
                Some(detail) => Err(TransactionError::Refused(SendError {
                    class: Class::Permanent,
                    code: None,
                    detail,
                    refuses_address: false,
                })),
            },
            Some(PipelinedEnvelope { message_id, since })
                if message_id == mail.message_id && since.elapsed() < self.max_data_wait / 2 =>
            {
                let sender_reply = connection.read_reply();
                envelope::read_replies(connection, sender_reply)
            }
            // The relay waits for another mail, or has waited for this one for too long.
            Some(_) => Err(TransactionError::BodyDelayed),
        }
    }

    fn may_pipeline(&self, connection: &RelayConnection, next: &Mail) -> bool {
        self.pipelines_next
            && connection.pipelining
            && connection.mails < self.max_per_connection
            && unsupported_reason(connection, next).is_none()
    }

    /// Closes a connection that has carried its share of mails, on which too many were throttled, or that was idle for too
    /// long. Done before the next mail and not after the last one, so that no outcome waits for the reply to QUIT.
    fn quit_if_used_up(&mut self) {
        let idle = self.last_used.elapsed() >= self.idle_timeout;
        let used_up = |connection: &mut RelayConnection| {
            connection.mails >= self.max_per_connection || connection.throttled >= MAX_THROTTLED
        };
        if let Some(connection) = self.connection.take_if(|connection| idle || used_up(connection)) {
            connection.quit();
        }
    }

    /// Transmits one mail, as [`Channel::submit`](crate::channels::Channel::submit) describes.
    ///
    /// # Errors
    /// Why the relay did not accept the mail.
    pub fn submit(
        &mut self,
        mail: &Mail,
        next: Option<&Mail>,
        callbacks: &mut dyn SubmitCallbacks,
    ) -> Result<(), SendError> {
        self.quit_if_used_up();
        let mut pipelining_error = None;
        if let Some(connection) = self.connection.take() {
            let (pipelined, started_at) = (connection.pipelined.is_some(), Instant::now());
            match self.submit_on(connection, mail, next, callbacks) {
                // The relay takes no more mails on this connection. Behind the body, the caller may have taken the next
                // mail back.
                Err(TransactionError::Broken(error, phase)) if error.is_connection_used_up() => {
                    log::debug!("a new connection, because of: {}", error.detail);
                    let next = next.filter(|_| phase < Phase::AfterDot);
                    return self.submit_on_new_connection(mail, next, callbacks);
                }
                // The connection had worked and broke before the body was written: the relay had closed it, or was
                // restarted. Without a reply about this mail, that says nothing about this mail (decision 0003).
                Err(TransactionError::Broken(error, phase))
                    if phase < Phase::AfterDot && !error.proves_relay_works() =>
                {
                    let silent = || error.code.is_none() && started_at.elapsed() >= self.timeout;
                    let is_first_reply = pipelined && phase == Phase::Sender;
                    if is_first_reply && (matches!(error.code, Some(500..)) || silent()) {
                        pipelining_error = Some(error.detail);
                    }
                }
                Err(TransactionError::BodyDelayed) => {}
                result => return result.map_err(TransactionError::into_send_error),
            }
        }
        let result = self.submit_on_new_connection(mail, next, callbacks);
        if let Some(detail) = pipelining_error.filter(|_| result.is_ok()) {
            self.pipelines_next = false;
            self.connector.takes_no_envelopes_ahead(&detail);
        }
        result
    }

    fn submit_on_new_connection(
        &mut self,
        mail: &Mail,
        next: Option<&Mail>,
        callbacks: &mut dyn SubmitCallbacks,
    ) -> Result<(), SendError> {
        let connection = self.connect(callbacks)?;
        let mut result = self.submit_on(connection, mail, next, callbacks);
        if matches!(result, Err(TransactionError::BodyDelayed)) {
            let connection = self.connect(callbacks)?;
            result = self.submit_on(connection, mail, next, callbacks);
        }
        result.map_err(TransactionError::into_send_error)
    }

    fn connect(&self, callbacks: &mut dyn SubmitCallbacks) -> Result<RelayConnection, SendError> {
        let began_at = Instant::now();
        let connected = self.connector.connect();
        callbacks.took(Step::Connect, began_at.elapsed());
        connected
    }

    /// Closes a connection that was unused for too long.
    pub fn idle(&mut self) {
        self.quit_if_used_up();
    }
}

impl Drop for SmtpTransport {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.quit();
        }
    }
}

/// What the reply to the body means.
fn body_result(reply: &Reply, callbacks: &mut dyn SubmitCallbacks) -> Result<(), TransactionError> {
    if let Reply::Complete(code @ 200..=299, text) = reply {
        callbacks.accepted(*code, text);
        return Ok(());
    }
    let error = reply.send_error(Phase::AfterDot);
    match reply {
        Reply::Complete(400..=599, _) if !error.needs_new_connection() => {
            Err(TransactionError::Refused(error))
        }
        _ => Err(TransactionError::Broken(error, Phase::AfterDot)),
    }
}

/// Why the relay would refuse this mail, according to its capabilities.
pub(crate) fn unsupported_reason(connection: &RelayConnection, mail: &Mail) -> Option<String> {
    if !mail.to.is_ascii() && !connection.smtputf8 {
        return Some("the address needs SMTPUTF8 (RFC 6531), which the relay does not offer".to_owned());
    }
    let size = mail.size;
    let limit = connection.size_limit.filter(|&limit| size > limit)?;
    Some(format!("the mail has {size} bytes, and the relay accepts at most {limit} (SIZE, RFC 1870)"))
}

#[cfg(test)]
mod tests;
