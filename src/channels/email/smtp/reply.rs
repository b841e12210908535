//! The replies of a relay, and what each means in each phase: the recipient's failure or the relay's, transient or
//! permanent.

use crate::channels::{Class, SendError};
use crate::text::clean::{cut, one_line};
use crate::text::mask::mask;

/// Longest detail, in characters. Relays explain in a few lines, and every error is kept for a while.
const DETAIL_MAX: usize = 500;

/// How far a transaction had come, in the order of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Name look-up, connect, TLS, greeting, EHLO, AUTH.
    Connect,
    /// `MAIL FROM`: about the sender, not about the recipient.
    Sender,
    /// `RCPT TO`.
    Recipient,
    /// `DATA`, until the reply 354.
    Data,
    /// The body was written, completely or in part.
    AfterDot,
}

/// What came back after a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// A complete reply: its code and its text.
    Complete(u16, String),
    /// Bytes that are no reply: without a code, or without an end. With the cause.
    Unreadable(String),
    /// Nothing: the connection was lost or timed out. With the cause.
    Lost(String),
}

impl Reply {
    /// Whether it is a complete reply, positive or negative.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        matches!(self, Self::Complete(..))
    }

    /// Whether the reply is a 2yz.
    #[must_use]
    pub fn is_positive(&self) -> bool {
        matches!(self, Self::Complete(200..=299, _))
    }

    /// Whether the relay waits for the body: 354 (RFC 5321 section 4.3.2).
    #[must_use]
    pub fn wants_body(&self) -> bool {
        matches!(self, Self::Complete(354, _))
    }

    /// The text of a positive reply.
    ///
    /// # Errors
    /// Any other reply, as a failure to connect.
    pub fn into_text(self) -> Result<String, SendError> {
        match self {
            Self::Complete(200..=299, text) => Ok(text),
            other => Err(other.send_error(Phase::Connect)),
        }
    }

    /// The error that this reply means in this phase. For replies that are not the expected one.
    #[must_use]
    pub fn send_error(&self, phase: Phase) -> SendError {
        let class = match self {
            Self::Unreadable(_) if phase == Phase::AfterDot => Class::Unreadable,
            _ => classify(phase, self.code()),
        };
        let detail = match self {
            Self::Complete(code, text) => format!("{code} {}", one_line(text)),
            Self::Unreadable(cause) => {
                format!("unreadable reply {}: {}", phase.description(), one_line(cause))
            }
            Self::Lost(cause) if phase == Phase::Connect => format!("cannot connect: {}", one_line(cause)),
            Self::Lost(cause) => format!("no reply {}: {}", phase.description(), one_line(cause)),
        };
        SendError { class, code: self.code(), detail: cut(mask(&detail), DETAIL_MAX) }
    }

    fn code(&self) -> Option<u16> {
        match self {
            Self::Complete(code, _) => Some(*code),
            Self::Unreadable(_) | Self::Lost(_) => None,
        }
    }
}

impl Phase {
    fn description(self) -> &'static str {
        match self {
            Self::Connect => "while connecting",
            Self::Sender => "to MAIL FROM",
            Self::Recipient => "to RCPT TO",
            Self::Data => "to DATA",
            Self::AfterDot => "to the body, the relay may have it",
        }
    }
}

/// The table of reply classes. `code` is `None` when the connection was lost or the reply is unreadable.
///
/// - 421 means the end of the connection, whatever the command (RFC 5321 section 3.8).
/// - 552 to RCPT means 452, "too many recipients" (RFC 5321 section 4.5.3.1.10).
/// - 530, 534, 535 and 538 ask for TLS or a login (RFC 4954 section 6, RFC 3207 section 4). Many relays send them no
///   earlier than at RCPT.
/// - No reply to MAIL FROM is a relay failure, unless the recipient in the same write caused it.
/// - An unexpected 2yz or 3yz, such as 250 to DATA, means that the replies are out of step. After the body, the relay may
///   have accepted the mail.
fn classify(phase: Phase, code: Option<u16>) -> Class {
    match (phase, code) {
        (Phase::Connect, _) | (Phase::Sender, Some(_)) | (_, Some(530 | 534 | 535 | 538)) => {
            Class::RelayFailure
        }
        (Phase::AfterDot, None | Some(..=399)) => Class::Ambiguous,
        (_, Some(421 | ..=399)) | (Phase::Sender, None) => Class::Breakdown,
        (Phase::Recipient, Some(552)) => Class::Transient,
        (_, Some(500..=599)) => Class::Permanent,
        (_, _) => Class::Transient,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRANSIENT: Class = Class::Transient;
    const AMBIGUOUS: Class = Class::Ambiguous;

    #[test]
    fn every_row_of_the_table() {
        use Phase::{AfterDot, Connect, Data, Recipient, Sender};
        let rows = [
            (Connect, None, Class::RelayFailure),
            (Connect, Some(554), Class::RelayFailure),
            (Connect, Some(454), Class::RelayFailure),
            (Connect, Some(535), Class::RelayFailure),
            (Sender, Some(451), Class::RelayFailure),
            (Sender, Some(550), Class::RelayFailure),
            (Sender, Some(421), Class::RelayFailure),
            (Sender, None, Class::Breakdown),
            (Recipient, Some(450), TRANSIENT),
            (Recipient, Some(552), TRANSIENT),
            (Recipient, Some(550), Class::Permanent),
            (Recipient, Some(530), Class::RelayFailure),
            (Data, Some(535), Class::RelayFailure),
            (Recipient, Some(421), Class::Breakdown),
            (Recipient, None, TRANSIENT),
            (Data, Some(451), TRANSIENT),
            (Data, Some(554), Class::Permanent),
            (Data, None, TRANSIENT),
            (AfterDot, Some(452), TRANSIENT),
            (AfterDot, Some(421), Class::Breakdown),
            (AfterDot, Some(552), Class::Permanent),
            (AfterDot, Some(554), Class::Permanent),
            (AfterDot, None, AMBIGUOUS),
            (AfterDot, Some(354), AMBIGUOUS),
            (Recipient, Some(354), Class::Breakdown),
            (Data, Some(250), Class::Breakdown),
        ];
        for (phase, code, class) in rows {
            assert_eq!(classify(phase, code), class, "{phase:?} {code:?}");
        }
    }

    #[test]
    fn only_a_reply_about_the_recipient_proves_that_the_relay_works() {
        let proves = |reply: Reply, phase| reply.send_error(phase).proves_relay_works();
        let reply = |code| Reply::Complete(code, String::new());
        assert!(proves(reply(450), Phase::Recipient) && proves(reply(554), Phase::AfterDot));
        assert!(!proves(reply(421), Phase::Recipient) && !proves(reply(354), Phase::AfterDot));
        assert!(!proves(Reply::Lost(String::new()), Phase::Data));
        assert!(!proves(Reply::Unreadable(String::new()), Phase::AfterDot));
    }

    #[test]
    fn the_detail_is_one_line_without_addresses() {
        let reply = Reply::Complete(550, "5.1.1 <ann@example.com>:\r\n no such user".to_owned());
        let error = reply.send_error(Phase::Recipient);
        assert_eq!(error.detail, "550 5.1.1 <a***@example.com>: no such user");
        assert_eq!(error.code, Some(550));
    }
}
