//! Stopping: the first SIGTERM or SIGINT asks everyone to finish, the second one leaves at once.

use std::convert::Infallible;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded};

/// The wish to stop, as every thread sees it. Cheap to clone; once expressed it stays.
#[derive(Debug, Clone)]
pub struct Stop {
    receiver: Receiver<Infallible>,
}

/// The other end: whoever drops it asks everyone who holds a [`Stop`] to finish.
#[derive(Debug)]
pub struct StopHandle {
    _sender: Sender<Infallible>,
}

/// A wish that is not expressed yet, and the handle that expresses it when it is dropped.
#[must_use]
pub fn stop_pair() -> (StopHandle, Stop) {
    let (sender, receiver) = bounded(0);
    (StopHandle { _sender: sender }, Stop { receiver })
}

impl Stop {
    /// Whether the wish has been expressed.
    #[must_use]
    pub fn requested(&self) -> bool {
        matches!(self.receiver.try_recv(), Err(TryRecvError::Disconnected))
    }

    /// For `select!`: becomes ready, with an error, once the wish is expressed.
    #[must_use]
    pub fn receiver(&self) -> &Receiver<Infallible> {
        &self.receiver
    }

    /// Waits for `pause`, or less if the wish comes first; says whether it came.
    pub fn wait(&self, pause: Duration) -> bool {
        matches!(
            self.receiver.recv_timeout(pause),
            Err(RecvTimeoutError::Disconnected)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wish_reaches_every_clone_and_stays() {
        let (handle, stop) = stop_pair();
        let other = stop.clone();
        assert!(!stop.requested());
        assert!(!stop.wait(Duration::ZERO));
        drop(handle);
        assert!(stop.requested() && other.requested() && other.wait(Duration::from_secs(3600)));
    }
}
