//! The threads in which fan-outs run. One that has done its work waits a while for more: starting one for each message
//! was about an eighth of the worker's CPU for a small notification (perf: some 60 of 460 µs). Knows nothing of the
//! order of notifications.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::domain::message::Message;
use crate::domain::message::identity::Identity;
use crate::worker::fan_out;
use crate::worker::fan_out::context::{Context, FanOutResult};

/// How long a thread waits for more to do.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// A fan-out to be run.
pub struct Work {
    /// What it needs.
    pub context: Arc<Context>,
    /// Who its message is.
    pub identity: Identity,
    /// What its message asks for.
    pub message: Message,
}

/// A fan-out has ended.
#[derive(Debug)]
pub struct Ended {
    /// Its event.
    pub event_id: i64,
    /// How.
    pub result: FanOutResult,
}

/// As many threads as there is work at a time.
pub struct FanOutPool {
    /// Without room: whatever goes in is in the hands of a thread that was waiting.
    idle: (Sender<Work>, Receiver<Work>),
    ended: Sender<Ended>,
    started: u64,
}

impl FanOutPool {
    /// No thread yet. Each end of a fan-out is told to `ended`.
    #[must_use]
    pub fn new(ended: Sender<Ended>) -> Self {
        Self { idle: bounded(0), ended, started: 0 }
    }

    /// Runs a fan-out at once, in a thread that is free or in a new one. Never waits.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn run(&mut self, work: Work) -> io::Result<()> {
        let Err(none_idle) = self.idle.0.try_send(work) else {
            return Ok(());
        };
        let work = none_idle.into_inner();
        self.started += 1;
        let (next_work, ended) = (self.idle.1.clone(), self.ended.clone());
        thread::Builder::new().name(format!("fan-out-{}", self.started)).spawn(move || {
            let mut next = Ok(work);
            while let Ok(work) = next {
                run(work, &ended);
                next = next_work.recv_timeout(IDLE_TIMEOUT);
            }
        })?;
        Ok(())
    }
}

fn run(Work { context, identity, message }: Work, ended: &Sender<Ended>) {
    let result = fan_out::run(&context, &identity, message);
    // The context holds a way to the lanes: they end when it is gone, so it goes first.
    drop(context);
    if ended.send(Ended { event_id: message.event_id, result }).is_err() {
        log::error!("a fan-out ended after its dispatcher (a bug in fanmail)");
    }
}
