//! The SMTP conversation: one connection, and what is written on it when. The session connects, speaks TLS, EHLO and
//! AUTH.
//!
//! Where the relay offers PIPELINING, the envelope of the next mail goes out right behind the body of the one before,
//! in one write: a group may begin with the end of a body, and ends with `DATA` (RFC 2920 section 3.1). So a mail takes
//! one wait for the relay instead of two:
//!
//! ```text
//! ► body 1 . MAIL 2 RCPT 2 DATA        ◄ 250  250 250 354        ► body 2 . MAIL 3 RCPT 3 DATA
//! ```

pub(crate) mod auth;
pub(crate) mod capabilities;
pub mod connection;
pub(crate) mod envelope;
pub mod reply;
pub(crate) mod stream;

use std::time::{Duration, Instant};

use crate::channels::email::mail::Mail;
use crate::channels::email::smtp::connection::{PipelinedEnvelope, RelayConnection, RelayConnector};
use crate::channels::email::smtp::envelope::{Envelope, TransactionError};
use crate::channels::email::smtp::reply::{Phase, Reply};
use crate::channels::{Class, SendError};
use crate::config::email::Relay;

/// A relay that waits so long for a body may have given up (Postfix under stress does after 10 s).
const MAX_DATA_WAIT: Duration = Duration::from_secs(5);

/// Owns one connection to the relay and renews it when it is worn, idle for too long or broken.
pub struct SmtpTransport {
    connector: RelayConnector,
    max_per_connection: u32,
    timeout: Duration,
    idle_timeout: Duration,
    connection: Option<RelayConnection>,
    last_used: Instant,
    max_data_wait: Duration,
    /// Whether an envelope may go out behind a body: until the relay turns out not to understand that.
    pipelines_next: bool,
    /// A body with an envelope behind it; kept so that it is allocated once.
    group: String,
}

impl SmtpTransport {
    /// A transport that is not connected yet.
    ///
    /// # Errors
    /// When the TLS library cannot be set up.
    pub fn new(relay: &Relay) -> Result<Self, SendError> {
        Ok(Self {
            connector: RelayConnector::new(relay)?,
            max_per_connection: relay.max_per_connection,
            timeout: relay.timeout,
            idle_timeout: relay.idle_timeout,
            connection: None,
            last_used: Instant::now(),
            max_data_wait: MAX_DATA_WAIT,
            pipelines_next: true,
            group: String::new(),
        })
    }

    /// One try on one connection, which is kept if it is still of use.
    fn submit_on(
        &mut self,
        mut connection: RelayConnection,
        mail: &Mail,
        next: Option<&Mail>,
        before_body: &mut dyn FnMut() -> bool,
    ) -> Result<(), TransactionError> {
        connection.mails += 1;
        let result = self.transact(&mut connection, mail, next, before_body);
        self.last_used = Instant::now();
        if !matches!(
            result,
            Err(TransactionError::Broken(..) | TransactionError::BodyDelayed | TransactionError::Withdrawn)
        ) {
            self.connection = Some(connection);
        }
        result
    }

    /// One mail on an open connection.
    fn transact(
        &mut self,
        connection: &mut RelayConnection,
        mail: &Mail,
        next: Option<&Mail>,
        before_body: &mut dyn FnMut() -> bool,
    ) -> Result<(), TransactionError> {
        match connection.pipelined.take() {
            None => {
                if let Some(detail) = unsupported_reason(connection, mail) {
                    return Err(TransactionError::Refused(SendError {
                        class: Class::Permanent,
                        code: None,
                        detail,
                    }));
                }
                Envelope::new(mail).open(connection)?;
            }
            Some(PipelinedEnvelope { message_id, since })
                if message_id == mail.message_id && since.elapsed() < self.max_data_wait / 2 =>
            {
                let sender_reply = connection.read_reply();
                envelope::read_replies(connection, sender_reply)?;
            }
            // The relay waits for another mail, or has waited for this one already.
            Some(_) => return Err(TransactionError::BodyDelayed),
        }
        let relay_waits_since = Instant::now();
        let next = next.filter(|next| self.may_pipeline(connection, next));
        if let Some(next) = next {
            self.group.clear();
            self.group.push_str(&mail.data);
            self.group.push_str(&Envelope::new(next).all_commands());
        }
        if !before_body() {
            // All that the relay can be told, which waits for a body, is a connection that never brings it one.
            return Err(TransactionError::Withdrawn);
        }
        if relay_waits_since.elapsed() >= self.max_data_wait {
            return Err(TransactionError::BodyDelayed);
        }
        let reply = match next {
            Some(_) => connection.command_with_envelope(&self.group),
            None => connection.command(&mail.data),
        };
        connection.pipelined =
            next.map(|next| PipelinedEnvelope { message_id: next.message_id.clone(), since: Instant::now() });
        if reply.is_positive() {
            return Ok(());
        }
        let error = reply.send_error(Phase::AfterDot);
        match reply {
            Reply::Complete(400..=599, _) if !error.class.needs_new_connection() => {
                Err(TransactionError::Refused(error))
            }
            _ => Err(TransactionError::Broken(error, Phase::AfterDot)),
        }
    }

    fn may_pipeline(&self, connection: &RelayConnection, next: &Mail) -> bool {
        self.pipelines_next
            && connection.pipelining
            && connection.mails < self.max_per_connection
            && unsupported_reason(connection, next).is_none()
    }

    /// Takes leave of a connection that has carried its share of mails, or has long been idle. Not sooner than
    /// that: an outcome does not wait for the answer to QUIT.
    fn quit_if_used_up(&mut self) {
        let idle = self.last_used.elapsed() >= self.idle_timeout;
        if let Some(connection) =
            self.connection.take_if(|connection| idle || connection.mails >= self.max_per_connection)
        {
            connection.quit();
        }
    }
}

impl SmtpTransport {
    /// Transmits one mail, as [`Channel::submit`](crate::channels::Channel::submit) asks for.
    ///
    /// # Errors
    /// Why the relay did not accept the mail.
    pub fn submit(
        &mut self,
        mail: &Mail,
        next: Option<&Mail>,
        before_body: &mut dyn FnMut() -> bool,
    ) -> Result<(), SendError> {
        self.quit_if_used_up();
        let mut not_understood = None;
        if let Some(connection) = self.connection.take() {
            let (pipelined, begun) = (connection.pipelined.is_some(), Instant::now());
            match self.submit_on(connection, mail, next, before_body) {
                // It had worked and is gone before the body was written: the relay had closed it, tired of
                // it or restarted. That says nothing about this mail, unless the relay has said something.
                Err(TransactionError::Broken(error, phase))
                    if phase < Phase::AfterDot && !error.proves_relay_works() =>
                {
                    let silent = || error.code.is_none() && begun.elapsed() >= self.timeout;
                    let doubted = pipelined && phase == Phase::Sender;
                    if doubted && (matches!(error.code, Some(500..)) || silent()) {
                        not_understood = Some(error.detail);
                    }
                }
                Err(TransactionError::BodyDelayed) => {}
                settled => return settled.map_err(TransactionError::into_send_error),
            }
        }
        let fresh = self.connector.connect()?;
        let settled = match self.submit_on(fresh, mail, next, before_body) {
            Err(TransactionError::BodyDelayed) => {
                let fresh = self.connector.connect()?;
                self.submit_on(fresh, mail, next, before_body)
            }
            settled => settled,
        };
        if let Some(detail) = not_understood.filter(|_| settled.is_ok()) {
            self.pipelines_next = false;
            log::info!(
                "the relay offers PIPELINING, but does not take the next mail's envelope right behind a body: {detail}; \
                 this connection goes on without that"
            );
        }
        settled.map_err(TransactionError::into_send_error)
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

/// Why the relay would refuse this mail, by what it has offered.
fn unsupported_reason(connection: &RelayConnection, mail: &Mail) -> Option<String> {
    if !mail.to.is_ascii() && !connection.smtputf8 {
        return Some("the address needs SMTPUTF8 (RFC 6531), which the relay does not offer".to_owned());
    }
    let size = mail.size;
    let limit = connection.size_limit.filter(|&limit| size > limit)?;
    Some(format!("the mail has {size} bytes, and the relay takes no more than {limit} (SIZE, RFC 1870)"))
}

/// Connects as a lane would and offers the sender, but sends nothing: for `fanmail check`.
///
/// # Errors
/// What a lane would run into.
pub fn probe(relay: &Relay, from_email: &str) -> Result<String, SendError> {
    let mut connection = RelayConnector::new(relay)?.connect()?;
    let sender_reply = connection.command(&format!("MAIL FROM:<{from_email}>\r\n"));
    if !sender_reply.is_positive() {
        return Err(sender_reply.send_error(Phase::Sender));
    }
    let sentence = format!("{}:{}: {}, and takes FROM_EMAIL", relay.host, relay.port, connection.describe());
    connection.quit();
    Ok(sentence)
}

#[cfg(test)]
mod tests;
