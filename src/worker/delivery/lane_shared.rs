//! What all lanes share. What a lane does with it is left to `lane`.

use std::sync::Arc;

use crate::channels::SendError;
use crate::observe::health::Monitor;
use crate::shutdown::Shutdown;
use crate::worker::delivery::breaker::Breaker;
use crate::worker::delivery::connection_limit::ConnectionLimit;
use crate::worker::delivery::pace::Pace;
use crate::worker::delivery::retry_policy::RetryPolicy;
use crate::worker::delivery::silence::Silence;

/// What all lanes share.
#[derive(Debug)]
pub struct LaneShared {
    /// Stops all lanes while the relay is down or refuses everyone.
    pub breaker: Arc<Breaker>,
    /// How many lanes may have a connection.
    pub connection_limit: ConnectionLimit,
    /// How fast all lanes together submit.
    pub pace: Pace,
    /// For how long mails have waited for any reply.
    pub silence: Arc<Silence>,
    /// How many attempts a mail has.
    pub retry_policy: RetryPolicy,
    /// Whether addresses that do not exist get no further mail.
    pub suppress_refused: bool,
    /// Metrics and health.
    pub monitor: Monitor,
    /// The request to stop.
    pub shutdown: Shutdown,
}

impl LaneShared {
    /// Whether the address gets no further mail, if the relay is to be believed.
    #[must_use]
    pub fn suppresses(&self, error: &SendError) -> bool {
        self.suppress_refused && error.refuses_address
    }
}
