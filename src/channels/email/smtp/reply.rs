//! The replies of a relay: what came back, and the error that it means in each phase. Whose failure a reply is stands in
//! `classify`.

pub(crate) mod advice;
pub(crate) mod classify;
pub(crate) mod enhanced_status;
pub(crate) mod pause;
pub mod phase;
pub(crate) mod words;
pub(crate) mod words_of;

use std::borrow::Cow;

use crate::channels::email::smtp::reply::classify::{classify, refuses_address};
use crate::channels::email::smtp::reply::enhanced_status::EnhancedStatus;
use crate::channels::email::smtp::reply::phase::Phase;
use crate::channels::{Class, SendError};
use crate::text::clean::{cut, one_line};
use crate::text::mask::mask;

/// Longest detail, in characters. Relays explain in a few lines, and every error is kept for a while.
const DETAIL_MAX: usize = 500;

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
            _ => classify(phase, self.code(), self.text()),
        };
        let detail = match self {
            Self::Complete(code, text) => format!("{code} {}", one_line(&without_repeated_status(text))),
            Self::Unreadable(cause) => {
                format!("unreadable reply {}: {}", phase.description(), one_line(cause))
            }
            Self::Lost(cause) if phase == Phase::Connect => format!("cannot connect: {}", one_line(cause)),
            Self::Lost(cause) => format!("no reply {}: {}", phase.description(), one_line(cause)),
        };
        SendError {
            class,
            code: self.code(),
            detail: cut(mask(&detail), DETAIL_MAX),
            refuses_address: refuses_address(phase, self.code(), self.text()),
        }
    }

    fn code(&self) -> Option<u16> {
        match self {
            Self::Complete(code, _) => Some(*code),
            Self::Unreadable(_) | Self::Lost(_) => None,
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Complete(_, text) => text,
            Self::Unreadable(_) | Self::Lost(_) => "",
        }
    }
}

/// The lines of a reply without the enhanced status code that each of them begins with, but the first: they are one sentence mostly, of
/// which the ledger keeps a part (RFC 2034 section 4).
fn without_repeated_status(text: &str) -> Cow<'_, str> {
    let (status, _) = text.split_once(' ').unwrap_or((text, ""));
    if !text.contains('\n') || EnhancedStatus::parse(status).is_none() {
        return Cow::Borrowed(text);
    }
    let line = |(number, line): (usize, &str)| match line.strip_prefix(status) {
        Some(rest) if number > 0 && rest.starts_with(' ') => rest.to_owned(),
        _ => line.to_owned(),
    };
    Cow::Owned(text.lines().enumerate().map(line).collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests;
