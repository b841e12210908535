//! The crew: the lanes, the recorder and the keeper of leases, which start and end together.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::channels::Channel;
use crate::store::Store;
use crate::worker::database_retry::DatabaseRetry;
use crate::worker::delivery::lane::{Lane, LaneShared};
use crate::worker::delivery::queue::{JobSender, job_queue};
use crate::worker::lease::keeper::{Leases, ProcessRole};
use crate::worker::recorder;
use crate::worker::recorder::batch::BatchSender;

/// Lanes, recorder and keeper at work.
pub struct Threads {
    /// Where fan-outs hand out their jobs.
    pub jobs: JobSender,
    /// Where the ledger is written.
    pub batch_sender: BatchSender,
    /// By what right fan-outs send.
    pub leases: Leases,
    threads: Vec<JoinHandle<()>>,
}

impl Threads {
    /// Starts the recorder, one lane a channel, and the keeper of leases that last `lease_term` unless renewed.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start<C: Channel + 'static>(
        shared: &Arc<LaneShared>,
        channels: Vec<C>,
        store: &Store,
        database_retry: &DatabaseRetry,
        role: ProcessRole,
        lease_term: Duration,
    ) -> std::io::Result<Self> {
        let lanes = channels.len();
        let (jobs, queue) = job_queue(lanes);
        let metrics = Arc::clone(&shared.monitor.metrics);
        let (batch_sender, recorder) = recorder::start(store.clone(), database_retry.clone(), metrics)?;
        let mut threads = Vec::with_capacity(lanes + 1);
        for (number, channel) in (1..).zip(channels) {
            let lane = Lane::new(Arc::clone(shared), channel, queue.clone(), batch_sender.clone());
            threads.push(thread::Builder::new().name(format!("lane-{number}")).spawn(move || lane.run())?);
        }
        threads.push(recorder);
        let (leases, keeper) =
            Leases::start(store, database_retry, &shared.monitor.health, role, lease_term, &shared.shutdown)?;
        threads.push(keeper);
        Ok(Self { jobs, batch_sender, leases, threads })
    }

    /// Lets the lanes and the recorder finish, and waits for them. Whoever else holds a sender must have let go
    /// of it.
    pub fn join(self) {
        drop((self.jobs, self.batch_sender, self.leases));
        for thread in self.threads {
            if thread.join().is_err() {
                log::error!("a thread of the crew panicked (a bug in fanmail)");
            }
        }
    }
}
