//! The lanes, the recorder and the lease keeper: started together and joined together. What they do is left to their
//! own files; the threads of fan-outs are left to `fan_out_pool`.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::channels::Channel;
use crate::store::Store;
use crate::worker::database_retry::DatabaseRetry;
use crate::worker::delivery::lane::Lane;
use crate::worker::delivery::lane_shared::LaneShared;
use crate::worker::delivery::queue::{JobSender, job_queue};
use crate::worker::delivery::silence;
use crate::worker::lease::keeper::Leases;
use crate::worker::lease::presence::ProcessRole;
use crate::worker::recorder;
use crate::worker::recorder::batch::BatchSender;

/// The running threads, and the ways to reach them.
pub struct Threads {
    /// The queue from the fan-outs to the lanes.
    pub jobs: JobSender,
    /// The queue to the recorder.
    pub batch_sender: BatchSender,
    /// The leases of this process.
    pub leases: Leases,
    handles: Vec<JoinHandle<()>>,
}

impl Threads {
    /// Starts the recorder, one lane for each channel, and the keeper of leases with the term `lease_term`.
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
        silence::watch(&shared.silence, &shared.monitor)?;
        let lanes = channels.len();
        let (jobs, queue) = job_queue(lanes);
        let metrics = Arc::clone(&shared.monitor.metrics);
        let (batch_sender, recorder) = recorder::start(store.clone(), database_retry.clone(), metrics)?;
        let mut handles = Vec::with_capacity(lanes + 1);
        for (number, channel) in (1..).zip(channels) {
            let lane = Lane::new(Arc::clone(shared), channel, queue.clone(), batch_sender.clone());
            handles.push(thread::Builder::new().name(format!("lane-{number}")).spawn(move || lane.run())?);
        }
        handles.push(recorder);
        let (leases, keeper) =
            Leases::start(store, database_retry, &shared.monitor.health, role, lease_term, &shared.shutdown)?;
        handles.push(keeper);
        Ok(Self { jobs, batch_sender, leases, handles })
    }

    /// Waits until the threads have ended. The lanes exit when the last [`JobSender`] is dropped, and the recorder when
    /// the last [`BatchSender`] is: the caller must have dropped its own, with every fan-out context.
    pub fn join(self) {
        drop((self.jobs, self.batch_sender, self.leases));
        for handle in self.handles {
            if handle.join().is_err() {
                log::error!("a thread panicked (a bug in fanmail)");
            }
        }
    }
}
