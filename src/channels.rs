//! The interface between lanes and channels, which are ways to reach people: what a lane calls, and how a submission can
//! fail. One folder for each channel. A channel knows templates and its protocol, and no database: retries, rate limit
//! and breaker are left to the lanes.

pub mod callbacks;
pub mod email;

use std::time::Duration;

use crate::channels::callbacks::SubmitCallbacks;
use crate::channels::email::compose::notification_headers::NotificationHeaders;
use crate::content::error::TemplateError;
use crate::content::renderer::{NotificationContext, Templates};
use crate::domain::event_snapshot::EventSnapshot;
use crate::domain::notification::Notification;
use crate::domain::notification_facts::NotificationFacts;
use crate::domain::outcome::{Permanence, Verdict};
use crate::domain::participant::Participant;

/// A way to reach people. Each lane owns one, with its own connection, and calls its methods from its thread.
pub trait Channel: Send {
    /// What `prepare` makes for one participant and `submit` transmits. For email: a composed mail.
    type Prepared: Send;

    /// Renders and encodes what one participant gets. Contacts no server and never blocks.
    ///
    /// # Errors
    /// The verdict, where there is nothing to submit: `Skipped` for a participant whom this channel cannot reach,
    /// `Failed` for a template or an address that cannot be used.
    fn prepare(
        &mut self,
        notification: &PreparedNotification,
        participant: &Participant,
    ) -> Result<Self::Prepared, Verdict>;

    /// Transmits one message and waits for the reply. Calls the methods of `callbacks` meanwhile.
    ///
    /// `next` is the message that will be submitted next, if it is known: its envelope may be pipelined behind this
    /// body.
    ///
    /// # Errors
    /// Why the message was not accepted. [`SendError::decision`] says what follows.
    fn submit(
        &mut self,
        prepared: &Self::Prepared,
        next: Option<&Self::Prepared>,
        callbacks: &mut dyn SubmitCallbacks,
    ) -> Result<(), SendError>;

    /// Whether nothing reaches anyone (dry-run mode): what [`Self::submit`] accepts is not sent.
    fn is_dry_run(&self) -> bool;

    /// What an operator can do about a relay that refuses everyone like this. A clause without a full stop.
    fn advice(&self, refusal: &SendError) -> &'static str;

    /// Called about once a second while the lane has no job: closes a connection that was unused for too long.
    fn idle(&mut self);
}

/// What all messages of one notification have in common. Its fan-out makes it once, for any channel.
#[derive(Debug, Clone)]
pub struct PreparedNotification {
    /// What the headers of its mails tell of it.
    pub mail_headers: NotificationHeaders,
    /// What templates see of it.
    pub context: NotificationContext,
}

impl PreparedNotification {
    /// Renders what is the same for every participant. The headers name the kind of the notification, also in a mail that reads as
    /// another one.
    ///
    /// # Errors
    /// When a route has named templates that are not there any more.
    pub fn new(
        notification: &Notification,
        facts: &NotificationFacts,
        templates: &Templates,
    ) -> Result<Self, TemplateError> {
        let Notification { id, kind, event_id, .. } = *notification;
        Ok(Self {
            mail_headers: NotificationHeaders::new(id, kind, event_id),
            context: templates.notification_context(facts)?,
        })
    }

    /// The same for people who were told of the event before, as `previous` has it.
    #[must_use]
    pub fn since(&self, previous: EventSnapshot) -> Self {
        Self { mail_headers: self.mail_headers.clone(), context: self.context.since(previous) }
    }
}

/// Why a message was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct SendError {
    /// What failed, and what follows.
    pub class: Class,
    /// The reply code of the relay; `None` when the relay sent no reply or was not contacted.
    pub code: Option<u16>,
    /// The relay's text, or ours. Addresses are masked.
    pub detail: String,
    /// Whether the relay has said that the address does not exist, and nothing else.
    pub refuses_address: bool,
}

/// What failed, the recipient's mail or the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// This recipient, for now: another attempt later may help. Also a connection that was lost before the body was
    /// transmitted.
    Transient,
    /// This recipient, for good.
    Permanent,
    /// A refusal that may be about us or the relay instead of this recipient: sender, relaying, quota, an unspecific
    /// reply. Only what the relay says to other recipients shows whose failure it is.
    Suspect(Permanence),
    /// The relay works, and asks for fewer mails at a time. No mail is charged.
    Throttled(Throttle),
    /// The body was transmitted and no reply came: the relay may have accepted it (RFC 1047).
    Ambiguous,
    /// The reply to the body cannot be read: the relay may have accepted it. Each further attempt might deliver one
    /// more copy, and a relay that sends such replies to all mails is unusable anyway.
    Unreadable,
    /// The relay, or the way to it: no mail is charged.
    RelayFailure,
    /// The relay ended the connection (421) at this recipient or this body, or its replies got out of step. Usually a
    /// relay failure, but this mail may be the cause.
    Breakdown,
    /// Nothing failed: `before_body` returned `false`.
    Withdrawn,
    /// The body was not ready in time, because the ledger is slow. Neither the relay nor this mail has failed.
    BodyDelayed,
}

/// What a relay that throttles wants less of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Throttle {
    /// Mails in a time.
    Rate {
        /// For how long the relay wants none, when it says so.
        pause: Option<Duration>,
    },
    /// Connections at a time.
    Connections,
    /// Mails on one connection. A new one takes more.
    MailsPerConnection,
}

/// What a lane does with the job of a message that was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Return the job to its fan-out, uncharged.
    Return,
    /// Retry later. The first few of these attempts are not charged.
    RetryUncharged,
    /// Retry later. The attempt is charged.
    Retry,
    /// Submit it once more, at the earliest after minutes: the relay may have accepted it.
    RetryOnceLater,
    /// Fail, permanently.
    Fail,
}

impl SendError {
    /// A failure of the relay that has no reply code.
    #[must_use]
    pub fn relay_failure(detail: String) -> Self {
        Self { class: Class::RelayFailure, code: None, detail, refuses_address: false }
    }

    /// The body was not ready in time.
    #[must_use]
    pub fn body_delayed() -> Self {
        let detail = "the relay had to wait too long for the body: earlier outcomes are not recorded yet";
        Self { class: Class::BodyDelayed, code: None, detail: detail.to_owned(), refuses_address: false }
    }

    /// `before_body` returned `false`.
    #[must_use]
    pub fn withdrawn() -> Self {
        Self { class: Class::Withdrawn, code: None, detail: "withdrawn".to_owned(), refuses_address: false }
    }

    /// What follows.
    #[must_use]
    pub fn decision(&self) -> Decision {
        match self.class {
            Class::RelayFailure | Class::Withdrawn | Class::BodyDelayed | Class::Throttled(_) => {
                Decision::Return
            }
            Class::Breakdown => Decision::RetryUncharged,
            Class::Transient | Class::Suspect(_) => Decision::Retry,
            Class::Ambiguous => Decision::RetryOnceLater,
            Class::Permanent | Class::Unreadable => Decision::Fail,
        }
    }

    /// Whether the relay works: it has replied to a recipient or a body, or took the envelope. A lost connection
    /// proves nothing.
    #[must_use]
    pub fn proves_relay_works(&self) -> bool {
        match self.class {
            // A mail is withdrawn after the relay has taken its envelope.
            Class::Permanent | Class::Withdrawn | Class::Suspect(_) | Class::Throttled(_) => true,
            Class::Transient => matches!(self.code, Some(400..)),
            Class::RelayFailure
            | Class::Breakdown
            | Class::Unreadable
            | Class::Ambiguous
            | Class::BodyDelayed => false,
        }
    }

    /// Whether the relay alone failed. Otherwise this mail may be the cause.
    #[must_use]
    pub fn is_relay_failure(&self) -> bool {
        self.class == Class::RelayFailure
    }

    /// Whether the connection is not worth keeping: the relay failed rather than this mail, wants fewer connections, takes
    /// no more mails on this one, or ends it (421, RFC 5321 section 3.8).
    #[must_use]
    pub fn needs_new_connection(&self) -> bool {
        self.code == Some(421)
            || matches!(
                self.class,
                Class::RelayFailure
                    | Class::Breakdown
                    | Class::Throttled(Throttle::Connections | Throttle::MailsPerConnection)
            )
    }

    /// Whether the relay asks for fewer mails or connections.
    #[must_use]
    pub fn is_throttled(&self) -> bool {
        matches!(self.class, Class::Throttled(_))
    }

    /// Whether a new connection is all that this mail needs.
    #[must_use]
    pub fn is_connection_used_up(&self) -> bool {
        self.class == Class::Throttled(Throttle::MailsPerConnection)
    }

    /// Whether the relay may have accepted the body all the same.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        matches!(self.class, Class::Ambiguous | Class::Unreadable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_its_decision() {
        let error = |class, code| SendError { class, code, detail: String::new(), refuses_address: false };
        for (class, code, decision, works, ambiguous) in [
            (Class::Transient, Some(450), Decision::Retry, true, false),
            (Class::Transient, None, Decision::Retry, false, false),
            (Class::Suspect(Permanence::Permanent), Some(554), Decision::Retry, true, false),
            (Class::Throttled(Throttle::Connections), Some(432), Decision::Return, true, false),
            (Class::Throttled(Throttle::MailsPerConnection), Some(550), Decision::Return, true, false),
            (Class::Ambiguous, None, Decision::RetryOnceLater, false, true),
            (Class::Permanent, Some(550), Decision::Fail, true, false),
            (Class::Unreadable, None, Decision::Fail, false, true),
            (Class::RelayFailure, Some(554), Decision::Return, false, false),
            (Class::Breakdown, Some(421), Decision::RetryUncharged, false, false),
            (Class::Withdrawn, None, Decision::Return, true, false),
        ] {
            let error = error(class, code);
            assert_eq!(
                (error.decision(), error.proves_relay_works(), error.is_ambiguous()),
                (decision, works, ambiguous),
                "{class:?} {code:?}"
            );
        }
    }
}
