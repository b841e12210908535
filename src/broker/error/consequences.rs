//! What follows from an error of a broker: whether another attempt makes sense, and which exit code it has. The texts are left to
//! `error`.

use crate::broker::error::BrokerError;
use crate::exit_code::{FAILED, HasExitCode, MISCONFIGURED};

impl BrokerError {
    /// The error to report once the connection is closed: of a lost connection, only `close` knows the cause.
    pub(in crate::broker) fn explained_by(self, closed: Result<(), Self>) -> Self {
        match (self, closed) {
            (Self::Reset(_) | Self::Lost(_), Err(cause)) => cause,
            (error, _) => error,
        }
    }

    /// Whether the same call may work later without a change of the configuration, the broker's users or its
    /// queues. The worker tries again either way.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        if let Self::NoHost(errors) = self {
            return errors.iter().any(Self::is_transient);
        }
        let is_refused =
            matches!(self, Self::Credentials { .. } | Self::Vhost { .. } | Self::BadMessageId(_));
        // A connection that has a queue for itself may end.
        let is_locked = matches!(self, Self::Exclusive { .. });
        !is_refused && (is_locked || !self.is_unusable_queue())
    }

    /// Whether the connection is gone.
    pub(in crate::broker) fn is_loss(&self) -> bool {
        matches!(self, Self::Reset(_) | Self::Silent(_) | Self::Lost(_))
    }

    /// Whether a queue cannot be used, or not be bound, or events not be published, until a person changes it, an exchange or
    /// permissions.
    pub(in crate::broker) fn is_unusable_queue(&self) -> bool {
        matches!(
            self,
            Self::NotCreated { .. }
                | Self::NotReadable { .. }
                | Self::NotPublishable { .. }
                | Self::Stream { .. }
                | Self::Exclusive { .. }
                | Self::Binding(_)
                | Self::EventsExchange(_)
        )
    }

    /// Whether the broker objects to what was sent, so that sending the same again is pointless. It does not if it or an
    /// operator closes the connection (320), if a queue may not be used or is missing (403 to 405), or if the broker itself
    /// has an error (506, 541).
    #[must_use]
    pub fn is_objection(&self) -> bool {
        matches!(self, Self::Closed { code, .. } if !matches!(code, 320 | 403..=405 | 506 | 541))
    }
}

impl HasExitCode for BrokerError {
    /// A broker that is away is no misconfiguration; one whose queue cannot be used is.
    fn exit_code(&self) -> u8 {
        let misconfigured = matches!(self, Self::BadMessageId(_)) || self.is_unusable_queue();
        if misconfigured { MISCONFIGURED } else { FAILED }
    }
}
