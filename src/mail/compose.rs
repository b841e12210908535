//! Making a mail out of a render.

use super::Mail;
use crate::config::EmailConfig;
use crate::domain::participant::Participant;
use crate::templates::Render;
use chrono::{DateTime, Utc};

/// Composes mails from one sender.
#[derive(Debug, Clone)]
pub struct Composer {}

/// An address that no mail can be sent to: local and permanent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadAddress(pub String);

impl Composer {
    /// A composer for the configured sender.
    #[must_use]
    pub fn new(_config: &EmailConfig) -> Self {
        todo!()
    }

    /// The mail of `notification_id` to `participant` at `address`, dated `date`.
    ///
    /// # Errors
    /// When `address` is not one that a mail can be sent to.
    pub fn compose(
        &self,
        _notification_id: i64,
        _participant: &Participant,
        _address: &str,
        _render: Render,
        _date: DateTime<Utc>,
    ) -> Result<Mail, BadAddress> {
        todo!()
    }
}
