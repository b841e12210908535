//! Submits one mail on a connection of its own, for `fanmail send-test`, and keeps the words of the relay. What is shown how is left to
//! the verb.

use crate::channels::email::mail::Mail;
use crate::channels::email::smtp::connector::RelayConnector;
use crate::channels::email::smtp::envelope::{Envelope, TransactionError};
use crate::channels::email::smtp::reply::Reply;
use crate::channels::email::smtp::reply::advice::advice_about;
use crate::channels::email::smtp::reply::phase::Phase;
use crate::channels::email::smtp::unsupported_reason;
use crate::channels::{Class, SendError};
use crate::config::email::relay::Relay;
use crate::text::clean::{cut, one_line};

/// Longest reply that is kept, in characters.
const REPLY_MAX: usize = 500;

/// The relay has accepted the mail.
#[derive(Debug, PartialEq, Eq)]
pub struct Accepted {
    /// What was negotiated, in one line.
    pub connection: String,
    /// What the relay said to the body: often the number that the mail has there.
    pub reply: String,
}

/// Submits the mail. One attempt, on a new connection.
///
/// # Errors
/// Why the relay did not accept it, and what to do.
pub fn submit(relay: &Relay, mail: &Mail) -> Result<Accepted, SendError> {
    let connector = RelayConnector::new(relay)?;
    let mut connection = connector.connect()?;
    let description = connection.describe();
    if let Some(detail) = unsupported_reason(&connection, mail) {
        connection.quit();
        return Err(SendError { class: Class::Permanent, code: None, detail, refuses_address: false });
    }
    if let Err(error) = Envelope::new(mail).send(&mut connection) {
        // Behind a refusal the connection is ready for another mail, and for QUIT.
        if matches!(error, TransactionError::Refused(_)) {
            connection.quit();
        }
        return Err(with_advice(&error.into_send_error()));
    }
    let reply = connection.command_body(&mail.data, &mut || {});
    if reply.is_complete() {
        connection.quit();
    }
    match &reply {
        Reply::Complete(code @ 200..=299, text) => {
            let reply = cut(format!("{code} {}", one_line(text)), REPLY_MAX);
            Ok(Accepted { connection: description, reply })
        }
        _ => Err(with_advice(&reply.send_error(Phase::AfterDot))),
    }
}

/// The same error with what can be done about it.
fn with_advice(error: &SendError) -> SendError {
    let advice = match error.class {
        Class::Transient | Class::Throttled(_) => {
            "the relay may take it later: try again in some minutes (the worker tries again by itself)"
        }
        Class::Permanent if error.code.is_some() => {
            "the relay takes no mail for this address, or not this mail; is the address of --to right?"
        }
        Class::Ambiguous | Class::Unreadable => {
            "the relay may have taken the mail: look whether it arrives before trying again, and see the relay's log"
        }
        _ => advice_about(&error.detail),
    };
    SendError { detail: format!("{}; {advice}", error.detail), ..error.clone() }
}
