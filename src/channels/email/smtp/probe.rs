//! Asks the relay for `fanmail check`: connects as a lane does, offers `FROM_EMAIL` as sender and as recipient, and sends
//! no mail. Many relays say no earlier than at RCPT what they think of client, EHLO name and sender: Postfix by default
//! (`smtpd_delay_reject`). What is shown how is left to `check`.

use crate::channels::email::smtp::connection::RelayConnection;
use crate::channels::email::smtp::connector::RelayConnector;
use crate::channels::email::smtp::reply::Reply;
use crate::channels::email::smtp::reply::advice::advice_about;
use crate::channels::email::smtp::reply::phase::Phase;
use crate::channels::{Class, SendError};
use crate::config::email::relay::Relay;
use crate::config::email::security::Security;
use crate::text::clean::{cut, one_line};
use crate::text::mask::mask;

/// What the relay has said.
#[derive(Debug, PartialEq, Eq)]
pub struct ProbeResult {
    /// What was negotiated, and what the relay accepts.
    pub summary: String,
    /// What the relay refused for a reason that does not keep mails from being sent.
    pub note: Option<String>,
}

/// Asks the relay.
///
/// # Errors
/// Why mails could not be sent, and what to do.
pub fn probe(relay: &Relay, from_email: &str) -> Result<ProbeResult, SendError> {
    let connector = RelayConnector::new(relay)?;
    let mut connection = match connector.connect() {
        Err(error) if matches!(error.class, Class::Throttled(_)) => {
            let begin = format!("{}:{}: the relay answers", relay.host, relay.port);
            return Ok(Offer::Throttled(error).result(&begin, connector.helo_name()));
        }
        connected => connected?,
    };
    let begin = format!("{}:{}: {}{}", relay.host, relay.port, connection.describe(), logged_in(relay));
    let result = offer(&mut connection, from_email);
    connection.quit();
    let helo_name = connector.helo_name();
    result
        .map(|offer| offer.result(&begin, helo_name))
        .map_err(|error| SendError { detail: format!("{begin}; {}", error.detail), ..error })
}

/// That a login was made, and by which user. A name that is an address is masked.
fn logged_in(relay: &Relay) -> String {
    relay.login.as_ref().map_or_else(String::new, |login| {
        let user = cut(one_line(&mask(&login.username)), 60);
        let how = if relay.security == Security::Plain { " (in plain text, without TLS)" } else { "" };
        format!("; logged in as {user}{how}")
    })
}

/// How the relay took `FROM_EMAIL`, where it did not refuse it for a reason that may be ours.
enum Offer {
    /// As sender and as recipient.
    Accepted,
    /// As sender. Mail for `FROM_EMAIL` itself was refused, with this reply.
    OnlySender(SendError),
    /// The relay asks for fewer mails or connections, with this reply. So it has not told more.
    Throttled(SendError),
}

impl Offer {
    fn result(self, begin: &str, helo_name: &str) -> ProbeResult {
        let accepted = |what: &str| {
            format!(
                "{begin}; it accepts the name {helo_name} in EHLO, and FROM_EMAIL as {what}; no mail was sent"
            )
        };
        match self {
            Self::Accepted => ProbeResult { summary: accepted("sender and as recipient"), note: None },
            Self::OnlySender(SendError { class, detail, .. }) => {
                let what_follows = if class == Class::Transient {
                    "fanmail tries such mails again later by itself"
                } else {
                    "if people should be able to answer, set FROM_EMAIL to an address that exists"
                };
                let note =
                    format!("the relay does not take mail for FROM_EMAIL itself: {detail}; {what_follows}");
                ProbeResult { summary: accepted("sender"), note: Some(note) }
            }
            Self::Throttled(SendError { detail, .. }) => {
                let note = format!(
                    "the relay asks for fewer mails or connections at the moment, so it has not said whether it accepts \
                     FROM_EMAIL: {detail}; the worker slows down by itself; check again later"
                );
                ProbeResult { summary: begin.to_owned(), note: Some(note) }
            }
        }
    }
}

/// Offers `FROM_EMAIL` as sender, then as recipient, and takes both back.
fn offer(connection: &mut RelayConnection, from_email: &str) -> Result<Offer, SendError> {
    let sender_reply = connection.command(&format!("MAIL FROM:<{from_email}>\r\n"));
    if !sender_reply.is_positive() {
        return refused(&sender_reply, Phase::Sender);
    }
    let recipient_reply = connection.command(&format!("RCPT TO:<{from_email}>\r\n"));
    let offer = if recipient_reply.is_positive() {
        Ok(Offer::Accepted)
    } else {
        refused(&recipient_reply, Phase::Recipient)
    };
    if recipient_reply.is_complete() && !connection.reset() {
        log::debug!("the relay did not reply to RSET");
    }
    offer
}

/// What a refusal means. One of the mailbox of `FROM_EMAIL` is none of us: many addresses for notices take no mail.
fn refused(reply: &Reply, phase: Phase) -> Result<Offer, SendError> {
    let error = reply.send_error(phase);
    match error.class {
        Class::Throttled(_) => Ok(Offer::Throttled(error)),
        Class::Transient | Class::Permanent if reply.is_complete() => Ok(Offer::OnlySender(error)),
        _ => {
            let command = if phase == Phase::Sender { "MAIL FROM" } else { "RCPT TO" };
            let advice = advice_about(&error.detail);
            let detail = format!("FROM_EMAIL was refused at {command}: {}; {advice}", error.detail);
            Err(SendError { detail, ..error })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::config::email::Route;

    #[test]
    fn a_login_is_told_with_its_user_and_masked() {
        let told = |set: &[(&str, &str)]| {
            let lookup = |name: &str| {
                let base = [
                    ("EMAIL_DUMMY_MODE", "False"),
                    ("FROM_EMAIL", "me@example.org"),
                    ("SMTP_HOST", "localhost"),
                ];
                let found = base.iter().chain(set).find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            let Route::Smtp(relay) = Config::from_lookup(&lookup).unwrap().email.route else {
                panic!("no relay")
            };
            logged_in(&relay)
        };
        assert_eq!(told(&[]), "");
        let login = [("SMTP_USERNAME", "meetups"), ("SMTP_PASSWORD", "MARKER")];
        assert_eq!(told(&login), "; logged in as meetups");
        let plain = [login[0], login[1], ("SMTP_SECURITY", "none")];
        assert_eq!(told(&plain), "; logged in as meetups (in plain text, without TLS)");
        let address = [("SMTP_USERNAME", "ada@example.org"), login[1]];
        assert_eq!(told(&address), "; logged in as a***@example.org");
    }
}
