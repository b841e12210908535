//! What the worker publishes about notifications that have ended: replies and events, with confirms, on a thread and a connection of
//! their own. The connection of a consumer is never blocked by a broker that takes no messages, and a dead-letter queue that cannot be
//! used holds up no reply. What is published is left to `worker/announcer`, one connection to `link`.
//!
//! A message is acked when the broker has confirmed its reply and its events, or when they are given up: no reply is worth that
//! mails wait for it.

use std::io;
use std::thread::{Builder, JoinHandle};

use crossbeam_channel::{Sender, bounded};

use crate::broker::publications::publication::Publication;
use crate::broker::publications::thread::PublicationThread;
use crate::broker::watchdog::CallWatchdog;
use crate::config::broker::BrokerConfig;
use crate::observe::health::Monitor;
use crate::shutdown::Shutdown;

pub(super) mod confirm_channel;
mod link;
pub mod publication;
mod thread;

/// How many wait to be published. A thread that hands over more waits.
const QUEUE: usize = 256;

/// The way to the thread, and the thread, which ends when the last sender is dropped.
#[derive(Debug)]
pub struct Publications {
    /// Blocks while many wait.
    pub sender: Sender<Publication>,
    /// To join.
    pub thread: JoinHandle<()>,
}

/// Starts the thread. It connects for the first publication.
///
/// # Errors
/// When the thread cannot be started.
pub fn start(
    config: &BrokerConfig,
    monitor: &Monitor,
    watchdog: &CallWatchdog,
    shutdown: &Shutdown,
) -> io::Result<Publications> {
    let (sender, publications) = bounded(QUEUE);
    let thread = PublicationThread::new(config, publications, monitor, watchdog, shutdown);
    let thread = Builder::new().name("publications".to_owned()).spawn(move || thread.run())?;
    Ok(Publications { sender, thread })
}
