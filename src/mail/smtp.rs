//! The SMTP conversation: one connection, its envelope pipelined where the relay offers it, body and final dot
//! in one write.
//!
//! lettre connects, speaks TLS, EHLO and AUTH and parses replies; this file decides what is written when. Its
//! own transport manages 23 mails a second on a connection, because it sends the final dot in a packet of its
//! own and waits out a delayed ACK; the same connection driven from here manages thousands.

use std::time::{Duration, Instant};

use super::reply::{Answer, Class, Phase, Refusal};
use super::session::{Connector, Session};
use super::{Mail, Transport, dot};
use crate::config::Relay;

/// Owns one connection to the relay and renews it when it is worn, idle for too long or broken.
pub struct SmtpTransport {
    connector: Connector,
    from_email: String,
    max_per_connection: u32,
    idle_timeout: Duration,
    session: Option<Session>,
    last_used: Instant,
    /// The body as it goes on the wire; kept so that it is allocated once.
    wire: String,
}

impl SmtpTransport {
    /// A transport that is not connected yet.
    ///
    /// # Errors
    /// When the TLS library cannot be set up.
    pub fn new(relay: &Relay, from_email: &str) -> Result<Self, Refusal> {
        Ok(Self {
            connector: Connector::new(relay)?,
            from_email: from_email.to_owned(),
            max_per_connection: relay.max_per_connection,
            idle_timeout: relay.idle_timeout,
            session: None,
            last_used: Instant::now(),
            wire: String::new(),
        })
    }

    /// One try on one connection.
    fn try_on(
        &mut self,
        mut session: Session,
        mail: &Mail,
        before_body: &mut dyn FnMut(),
    ) -> Result<(), Failure> {
        let reused = session.mails > 0;
        session.mails += 1;
        let result = transact(&mut session, &self.from_email, mail, &self.wire, before_body);
        self.last_used = Instant::now();
        match result {
            Ok(()) => {}
            Err(Ending::Refused(refusal)) => {
                self.keep(session);
                return Err(Failure {
                    refusal,
                    stale: false,
                });
            }
            // A connection that had worked and is gone before the body was written: the relay had closed
            // it, tired of it or restarted. That says nothing about this mail.
            Err(Ending::Broken(refusal, phase)) => {
                return Err(Failure {
                    refusal,
                    stale: reused && phase < Phase::AfterDot,
                });
            }
        }
        self.keep(session);
        Ok(())
    }

    /// Keeps the connection for the next mail, or takes leave of it when it is worn.
    fn keep(&mut self, session: Session) {
        if session.mails < self.max_per_connection {
            self.session = Some(session);
        } else {
            session.quit();
        }
    }

    fn give_up_idle(&mut self) {
        if self.last_used.elapsed() >= self.idle_timeout
            && let Some(session) = self.session.take()
        {
            session.quit();
        }
    }
}

impl Transport for SmtpTransport {
    fn submit(&mut self, mail: &Mail, before_body: &mut dyn FnMut()) -> Result<(), Refusal> {
        dot::stuff(&mail.content, &mut self.wire);
        self.give_up_idle();
        if let Some(session) = self.session.take() {
            match self.try_on(session, mail, before_body) {
                Err(Failure { stale: true, .. }) => {}
                settled => return settled.map_err(|failure| failure.refusal),
            }
        }
        let fresh = self.connector.connect()?;
        self.try_on(fresh, mail, before_body)
            .map_err(|failure| failure.refusal)
    }

    fn idle(&mut self) {
        self.give_up_idle();
    }
}

impl Drop for SmtpTransport {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            session.quit();
        }
    }
}

/// Why a try did not succeed.
struct Failure {
    refusal: Refusal,
    /// Only the connection was at fault: a fresh one deserves a try.
    stale: bool,
}

/// How a transaction can end badly.
enum Ending {
    /// The relay said no; the connection is ready for the next mail.
    Refused(Refusal),
    /// The connection is of no use any more.
    Broken(Refusal, Phase),
}

/// One mail on an open connection. Every reply that a pipelined group owes is read before anything is decided,
/// or the next mail would read the last one's replies (RFC 2920 section 3.1).
fn transact(
    session: &mut Session,
    from_email: &str,
    mail: &Mail,
    wire: &str,
    before_body: &mut dyn FnMut(),
) -> Result<(), Ending> {
    if !mail.to.is_ascii() && !session.smtputf8 {
        return Err(Ending::Refused(Refusal {
            class: Class::Permanent,
            smtp_code: None,
            detail: "the address needs SMTPUTF8 (RFC 6531), which the relay does not offer".to_owned(),
        }));
    }

    let (phase, answer) = envelope(session, from_email, mail);
    if !(phase == Phase::Data && answer.wants_body()) {
        let refusal = answer.refusal(phase);
        // Trouble with the relay is best tried again on a fresh connection.
        let usable =
            !refusal.class.is_relay_trouble() && !matches!(answer, Answer::Lost(_)) && session.reset();
        return Err(if usable {
            Ending::Refused(refusal)
        } else {
            Ending::Broken(refusal, phase)
        });
    }

    before_body();
    let answer = session.command(wire);
    if answer.is_positive() {
        return Ok(());
    }
    let refusal = answer.refusal(Phase::AfterDot);
    match answer {
        Answer::Reply(400..=599, _) if !refusal.class.is_relay_trouble() => Err(Ending::Refused(refusal)),
        _ => Err(Ending::Broken(refusal, Phase::AfterDot)),
    }
}

/// `MAIL FROM`, `RCPT TO` and `DATA`, in one write where the relay allows it. Returns the first answer that is
/// not the one hoped for, or the answer to `DATA`.
fn envelope(session: &mut Session, from_email: &str, mail: &Mail) -> (Phase, Answer) {
    let parameters = if mail.to.is_ascii() {
        ""
    } else {
        " SMTPUTF8 BODY=8BITMIME"
    };
    let sender = format!("MAIL FROM:<{from_email}>{parameters}\r\n");
    let recipient = format!("RCPT TO:<{}>\r\n", mail.to);
    if !session.pipelining {
        for (phase, command) in [(Phase::Sender, &sender), (Phase::Recipient, &recipient)] {
            let answer = session.command(command);
            if !answer.is_positive() {
                return (phase, answer);
            }
        }
        return (Phase::Data, session.command("DATA\r\n"));
    }

    let to_sender = session.command(&format!("{sender}{recipient}DATA\r\n"));
    if let Answer::Lost(_) = to_sender {
        return (Phase::Sender, to_sender);
    }
    let to_recipient = session.read_answer();
    let to_data = session.read_answer();
    let refused = if !to_sender.is_positive() {
        (Phase::Sender, to_sender)
    } else if !to_recipient.is_positive() {
        (Phase::Recipient, to_recipient)
    } else {
        return (Phase::Data, to_data);
    };
    if to_data.wants_body() {
        // A relay that waits for a body although it took no recipient (RFC 2920 section 3.1) gets an empty
        // one. Whatever it says to that, nobody is mailed.
        session.command(".\r\n");
    }
    refused
}

/// Connects as a lane would, and sends nothing: for `fanmail check`.
///
/// # Errors
/// What a lane would run into.
pub fn probe(relay: &Relay) -> Result<String, Refusal> {
    let session = Connector::new(relay)?.connect()?;
    let sentence = session.describe();
    session.quit();
    Ok(sentence)
}

#[cfg(test)]
mod tests;
