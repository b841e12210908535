//! Starts what tells other programs of notifications: the announcer, and the thread that publishes. What they do stands in
//! `worker/announcer` and `broker/publications`.

use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::Context as _;
use crossbeam_channel::Sender;

use crate::app::Runtime;
use crate::broker::publications::publication::Publication;
use crate::broker::publications::{self, Publications};
use crate::broker::watchdog::CallWatchdog;
use crate::config::Config;
use crate::domain::installation::Installation;
use crate::store::Store;
use crate::worker::announcer::{Announcements, Announcer};

/// The two threads, and the ways to them.
#[derive(Debug)]
pub struct Announcing {
    /// What happened is told here.
    pub announcements: Announcements,
    /// Replies about dead letters are handed over here, if `REPLIES` is on.
    pub replies: Option<Sender<Publication>>,
    announcer: JoinHandle<()>,
    publications: JoinHandle<()>,
}

impl Runtime {
    /// Starts the threads, if `REPLIES` or `EVENTS_EXCHANGE` is set.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn announce(
        &self,
        config: &Config,
        store: &Store,
        installation: &Installation,
        watchdog: &CallWatchdog,
    ) -> anyhow::Result<Option<Announcing>> {
        let publishing = &config.broker.publishing;
        if !publishing.is_on() {
            return Ok(None);
        }
        let Publications { sender, thread: publications } =
            publications::start(&config.broker, &self.monitor, watchdog, &self.shutdown)
                .context("cannot start the thread that publishes replies and events")?;
        let announcer = Announcer {
            config: publishing.clone(),
            store: store.clone(),
            database_retry: self.database_retry.clone().asking(store.clone()),
            installation: installation.clone(),
            publications: sender.clone(),
            metrics: Arc::clone(&self.monitor.metrics),
        };
        let (announcements, announcer) = announcer.start().context("cannot start the announcer")?;
        let replies = publishing.replies.then_some(sender);
        Ok(Some(Announcing { announcements, replies, announcer, publications }))
    }
}

impl Announcing {
    /// Publishes what is left, and ends the threads. Returns whether both have ended well. The threads of the broker have ended before.
    #[must_use]
    pub fn finish(self) -> bool {
        let Self { announcements, replies, announcer, publications } = self;
        announcements.end();
        drop(replies);
        announcer.join().is_ok() && publications.join().is_ok()
    }
}
