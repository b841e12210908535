//! The threads in which fan-outs run. A thread waits a while for the next fan-out after it has run one: starting a
//! thread for each message was about an eighth of the worker's CPU for a small notification (perf: some 60 of 460 µs).
//! The order of notifications is left to the dispatcher.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::worker::dispatcher::task::TaskId;
use crate::worker::fan_out;
use crate::worker::fan_out::claim::OpenedMessage;
use crate::worker::fan_out::context::{Context, FanOutResult};

/// How long an idle thread waits for a fan-out before it ends.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// As many threads as there are fan-outs at a time. They end soon after the pool is dropped, and with them their
/// contexts: the lanes exit when the last context, with its job sender, is gone.
pub struct FanOutPool {
    context: Arc<Context>,
    /// Rendezvous channel: a send succeeds only if an idle thread is receiving.
    to_idle: Sender<(TaskId, OpenedMessage)>,
    idle: Receiver<(TaskId, OpenedMessage)>,
    results: Sender<(TaskId, FanOutResult)>,
    started: u64,
}

impl FanOutPool {
    /// A pool without a thread. `results` gets the task and the result of each fan-out.
    #[must_use]
    pub fn new(context: Arc<Context>, results: Sender<(TaskId, FanOutResult)>) -> Self {
        let (to_idle, idle) = bounded(0);
        Self { context, to_idle, idle, results, started: 0 }
    }

    /// Runs the fan-out of a task at once, in an idle thread or in a new one. Never blocks.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn run(&mut self, task: TaskId, opened: OpenedMessage) -> io::Result<()> {
        match self.to_idle.try_send((task, opened)) {
            Ok(()) => Ok(()),
            Err(none_idle) => self.start_thread(none_idle.into_inner()),
        }
    }

    fn start_thread(&mut self, first: (TaskId, OpenedMessage)) -> io::Result<()> {
        self.started += 1;
        let (context, idle, results) = (Arc::clone(&self.context), self.idle.clone(), self.results.clone());
        thread::Builder::new().name(format!("fan-out-{}", self.started)).spawn(move || {
            let mut next = Ok(first);
            while let Ok((task, opened)) = next {
                let result = fan_out::run(&context, &opened);
                if results.send((task, result)).is_err() {
                    log::error!("a fan-out ended after its dispatcher (a bug in fanmail)");
                }
                next = idle.recv_timeout(IDLE_TIMEOUT);
            }
        })?;
        Ok(())
    }
}
