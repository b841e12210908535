//! The SMTP conversation: one connection, its envelope pipelined where the relay offers it, body and final dot
//! in one write.
//!
//! The session connects, speaks TLS, EHLO and AUTH; this file decides what is written when. lettre's own transport
//! manages 23 mails a second on a connection, because it sends the final dot in a packet of its own and waits out a
//! delayed ACK; a connection driven from here manages thousands.

use std::time::{Duration, Instant};

use super::reply::{Answer, Class, Phase, Refusal};
use super::session::{Connector, Session};
use super::{Mail, Transport, dot};
use crate::config::Relay;

/// A relay that waits so long for a body may have given up (Postfix under stress does after 10 s).
const RELAY_WAITS: Duration = Duration::from_secs(5);

/// Owns one connection to the relay and renews it when it is worn, idle for too long or broken.
pub struct SmtpTransport {
    connector: Connector,
    from_email: String,
    max_per_connection: u32,
    idle_timeout: Duration,
    session: Option<Session>,
    last_used: Instant,
    relay_waits: Duration,
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
            relay_waits: RELAY_WAITS,
            wire: String::new(),
        })
    }

    /// One try on one connection, which is kept if it is still of use.
    fn try_on(
        &mut self,
        mut session: Session,
        mail: &Mail,
        before_body: &mut dyn FnMut() -> bool,
    ) -> Result<(), Ending> {
        session.mails += 1;
        let result = self.transact(&mut session, mail, before_body);
        self.last_used = Instant::now();
        if !matches!(result, Err(Ending::Broken(..) | Ending::Stale | Ending::Withdrawn)) {
            self.session = Some(session);
        }
        result
    }

    /// One mail on an open connection.
    fn transact(
        &self,
        session: &mut Session,
        mail: &Mail,
        before_body: &mut dyn FnMut() -> bool,
    ) -> Result<(), Ending> {
        if let Some(detail) = not_for(session, mail) {
            return Err(Ending::Refused(Refusal { class: Class::Permanent, smtp_code: None, detail }));
        }
        envelope(session, &self.from_email, mail)?;
        let relay_waits_since = Instant::now();
        if !before_body() {
            // All that the relay can be told, which waits for a body, is a connection that never brings it one.
            return Err(Ending::Withdrawn);
        }
        if relay_waits_since.elapsed() >= self.relay_waits {
            return Err(Ending::Stale);
        }
        let answer = session.command(&self.wire);
        if answer.is_positive() {
            return Ok(());
        }
        let refusal = answer.refusal(Phase::AfterDot);
        match answer {
            Answer::Reply(400..=599, _) if !refusal.class.is_relay_trouble() => Err(Ending::Refused(refusal)),
            _ => Err(Ending::Broken(refusal, Phase::AfterDot)),
        }
    }

    /// Takes leave of a connection that has carried its share of mails, or has long been idle. Not sooner than
    /// that: an outcome does not wait for the answer to QUIT.
    fn leave_if_worn(&mut self) {
        let idle = self.last_used.elapsed() >= self.idle_timeout;
        if let Some(session) =
            self.session.take_if(|session| idle || session.mails >= self.max_per_connection)
        {
            session.quit();
        }
    }
}

impl Transport for SmtpTransport {
    fn submit(&mut self, mail: &Mail, before_body: &mut dyn FnMut() -> bool) -> Result<(), Refusal> {
        dot::stuff(&mail.content, &mut self.wire);
        self.leave_if_worn();
        if let Some(session) = self.session.take() {
            match self.try_on(session, mail, before_body) {
                // It had worked and is gone before the body was written: the relay had closed it, tired of
                // it or restarted. That says nothing about this mail, unless the relay has said something.
                Err(Ending::Broken(refusal, phase))
                    if phase < Phase::AfterDot && !refusal.speaks_for_the_relay() => {}
                Err(Ending::Stale) => {}
                settled => return settled.map_err(Ending::into_refusal),
            }
        }
        let fresh = self.connector.connect()?;
        let settled = match self.try_on(fresh, mail, before_body) {
            Err(Ending::Stale) => {
                let fresh = self.connector.connect()?;
                self.try_on(fresh, mail, before_body)
            }
            settled => settled,
        };
        settled.map_err(Ending::into_refusal)
    }

    fn idle(&mut self) {
        self.leave_if_worn();
    }
}

impl Drop for SmtpTransport {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            session.quit();
        }
    }
}

/// How a transaction can end badly.
enum Ending {
    /// The relay said no; the connection is ready for the next mail.
    Refused(Refusal),
    /// The sender took the mail back; so the connection is of no use any more.
    Withdrawn,
    /// The connection is of no use any more.
    Broken(Refusal, Phase),
    /// The body had to wait for so long that the relay may have given up. Written now, it would be lost, and
    /// nobody could tell it from one that was taken.
    Stale,
}

impl Ending {
    fn into_refusal(self) -> Refusal {
        match self {
            Self::Withdrawn => Refusal::withdrawn(),
            Self::Refused(refusal) | Self::Broken(refusal, _) => refusal,
            Self::Stale => Refusal {
                class: Class::Relay,
                smtp_code: None,
                detail: "the body had to wait for too long, twice".to_owned(),
            },
        }
    }
}

/// Why the relay would refuse this mail, by what it has offered.
fn not_for(session: &Session, mail: &Mail) -> Option<String> {
    if !mail.to.is_ascii() && !session.smtputf8 {
        return Some("the address needs SMTPUTF8 (RFC 6531), which the relay does not offer".to_owned());
    }
    // Counted as RFC 1870 does: without stuffed dots and the final one.
    let size = mail.content.len();
    let limit = session.size_limit.filter(|&limit| size > limit)?;
    Some(format!("the mail has {size} bytes, and the relay takes no more than {limit} (SIZE, RFC 1870)"))
}

/// `MAIL FROM`, `RCPT TO` and `DATA`, in one write where the relay allows it. Every reply that such a group owes
/// is read before the next command, or the next mail would read this one's replies (RFC 2920 section 3.1).
fn envelope(session: &mut Session, from_email: &str, mail: &Mail) -> Result<(), Ending> {
    let parameters = if mail.to.is_ascii() { "" } else { " SMTPUTF8 BODY=8BITMIME" };
    let sender = format!("MAIL FROM:<{from_email}>{parameters}\r\n");
    let recipient = format!("RCPT TO:<{}>\r\n", mail.to);
    if !session.pipelining {
        for (phase, command) in [(Phase::Sender, &sender), (Phase::Recipient, &recipient)] {
            let answer = session.command(command);
            if !answer.is_positive() {
                return Err(refused(session, phase, &answer));
            }
        }
        let to_data = session.command("DATA\r\n");
        return if to_data.wants_body() { Ok(()) } else { Err(refused(session, Phase::Data, &to_data)) };
    }

    let to_sender = session.command(&format!("{sender}{recipient}DATA\r\n"));
    if !to_sender.is_reply() {
        return Err(refused(session, Phase::Sender, &to_sender));
    }
    let to_recipient = session.read_answer();
    if !to_recipient.is_reply() {
        // A relay that says 421 to the sender and hangs up has given its reason: what is then missing is not
        // the recipient's.
        let (phase, answer) = if to_sender.is_positive() {
            (Phase::Recipient, to_recipient)
        } else {
            (Phase::Sender, to_sender)
        };
        return Err(Ending::Broken(answer.refusal(phase), phase));
    }
    let to_data = session.read_answer();
    let (phase, answer) = if !to_sender.is_positive() {
        (Phase::Sender, to_sender)
    } else if !to_recipient.is_positive() {
        (Phase::Recipient, to_recipient)
    } else if to_data.wants_body() {
        return Ok(());
    } else {
        return Err(refused(session, Phase::Data, &to_data));
    };
    if to_data.wants_body() || !to_data.is_reply() {
        // A relay that waits for a body although it took no recipient is left waiting: an empty one would end
        // the wait (RFC 2920 section 3.1), but might be delivered as a mail. One that is gone, or silent, is not
        // asked for a RSET.
        return Err(Ending::Broken(answer.refusal(phase), phase));
    }
    Err(refused(session, phase, &answer))
}

/// What a refused envelope means for the mail and for the connection. A refused recipient costs a RSET; trouble
/// with the relay is best tried again on a fresh connection.
fn refused(session: &mut Session, phase: Phase, answer: &Answer) -> Ending {
    let refusal = answer.refusal(phase);
    if answer.is_reply() && !refusal.class.is_relay_trouble() && session.reset() {
        Ending::Refused(refusal)
    } else {
        Ending::Broken(refusal, phase)
    }
}

/// Connects as a lane would and offers the sender, but sends nothing: for `fanmail check`.
///
/// # Errors
/// What a lane would run into.
pub fn probe(relay: &Relay, from_email: &str) -> Result<String, Refusal> {
    let mut session = Connector::new(relay)?.connect()?;
    let to_sender = session.command(&format!("MAIL FROM:<{from_email}>\r\n"));
    if !to_sender.is_positive() {
        return Err(to_sender.refusal(Phase::Sender));
    }
    let sentence = format!("{}:{}: {}, and takes FROM_EMAIL", relay.host, relay.port, session.describe());
    session.quit();
    Ok(sentence)
}

#[cfg(test)]
mod tests;
