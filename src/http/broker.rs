//! The broker for requests. Its calls block, half a minute if it hangs: each has a thread of its own, and not one of those for the
//! database. One at a time, with a connection that ends with it.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;

use crate::config::broker::BrokerConfig;
use crate::http::server::THREAD;

/// Longest wait for the end of another call.
const WAIT: Duration = Duration::from_secs(3);
/// Longest wait for an answer. A request has 10 seconds for all.
const ANSWER: Duration = Duration::from_secs(6);

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoBrokerAnswer {
    /// The worker has no broker.
    NotUsed,
    /// Another call has not ended.
    Busy,
    /// It takes too long. The call goes on.
    Late,
    /// The call has panicked.
    Failed,
}

/// The broker of the process. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct RequestBroker {
    config: Option<Arc<BrokerConfig>>,
    one_at_a_time: Arc<Semaphore>,
    wait: Duration,
    answer: Duration,
}

/// The right to call the broker now; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct BrokerTurn {
    pub config: Arc<BrokerConfig>,
    _permit: OwnedSemaphorePermit,
}

impl RequestBroker {
    /// `None`: messages come from the outbox only.
    #[must_use]
    pub fn new(config: Option<BrokerConfig>) -> Self {
        let one_at_a_time = Arc::new(Semaphore::new(1));
        Self { config: config.map(Arc::new), one_at_a_time, wait: WAIT, answer: ANSWER }
    }

    /// Waits a moment until no other call lasts.
    ///
    /// # Errors
    /// When one lasts longer, or there is no broker.
    pub(super) async fn turn(&self) -> Result<BrokerTurn, NoBrokerAnswer> {
        let config = self.config.clone().ok_or(NoBrokerAnswer::NotUsed)?;
        match timeout(self.wait, Arc::clone(&self.one_at_a_time).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(BrokerTurn { config, _permit: permit }),
            _ => Err(NoBrokerAnswer::Busy),
        }
    }

    /// What the call returns.
    ///
    /// # Errors
    /// Why there is no answer.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        call: impl FnOnce(&BrokerConfig) -> T + Send + 'static,
    ) -> Result<T, NoBrokerAnswer> {
        let turn = self.turn().await?;
        let (answer, answered) = oneshot::channel();
        let started = thread::Builder::new().name(format!("{THREAD}-broker")).spawn(move || {
            let told = call(&turn.config);
            drop(turn);
            if answer.send(told).is_err() {
                log::debug!("http: the broker has answered too late for a request");
            }
        });
        if let Err(error) = started {
            log::error!("http: cannot start a thread: {error}");
            return Err(NoBrokerAnswer::Busy);
        }
        match timeout(self.answer, answered).await {
            Ok(Ok(told)) => Ok(told),
            Ok(Err(_)) => Err(NoBrokerAnswer::Failed),
            Err(_) => Err(NoBrokerAnswer::Late),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::runtime::Builder;

    use super::*;
    use crate::config::Config;

    #[test]
    fn calls_take_turns_and_what_lasts_too_long_keeps_its_turn() {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        let config = Config::from_lookup(&|_| None).unwrap().broker;
        let brief = Duration::from_millis(20);
        let long = RequestBroker::new(Some(config));
        let broker = RequestBroker { wait: brief, answer: brief, ..long.clone() };
        let (end, ends) = mpsc::channel::<()>();
        runtime.block_on(async {
            let unused = RequestBroker::new(None);
            assert_eq!(unused.ask(|_| ()).await, Err(NoBrokerAnswer::NotUsed));
            assert_eq!(long.ask(|_| 7).await, Ok(7));
            assert_eq!(long.ask(|_| panic!("a bug")).await, Err::<(), _>(NoBrokerAnswer::Failed));
            let late = broker.ask(move |_| ends.recv().is_err());
            assert_eq!(late.await, Err(NoBrokerAnswer::Late));
            assert_eq!(broker.ask(|_| ()).await, Err(NoBrokerAnswer::Busy), "it goes on");
            drop(end);
            assert_eq!(long.ask(|_| ()).await, Ok(()));
        });
    }
}
