//! The crew: the lanes, the recorder and the keeper of leases, which start and end together.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Sender, bounded};

use super::job::Job;
use super::lane::{Equipment, Lane};
use super::leases::{Leases, Role};
use super::patience::Patience;
use super::recorder::{self, Entry};
use crate::mail::Transport;
use crate::store::Store;

/// Lanes, recorder and keeper at work.
pub struct Crew {
    /// Where fan-outs hand out their jobs. Short, two a lane: enough for the lanes to stay busy while a page is
    /// read, and so little that a small notification soon gets its turn beside a large one.
    pub jobs: Sender<Job>,
    /// Where the ledger is written.
    pub entries: Sender<Entry>,
    /// By what right fan-outs send.
    pub leases: Leases,
    threads: Vec<JoinHandle<()>>,
}

impl Crew {
    /// Starts the recorder, one lane a transport, and the keeper of leases that last `lease_term` unless renewed.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start(
        equipment: &Arc<Equipment>,
        transports: Vec<Box<dyn Transport>>,
        store: &Store,
        patience: &Patience,
        role: Role,
        lease_term: Duration,
    ) -> std::io::Result<Self> {
        let lanes = transports.len();
        let (jobs, job_queue) = bounded(2 * lanes);
        let (entries, recorder) = recorder::start(
            store.clone(),
            patience.clone(),
            Arc::clone(&equipment.monitor.metrics),
            2 * lanes,
        )?;
        let mut threads = Vec::with_capacity(lanes + 1);
        for (number, transport) in (1..).zip(transports) {
            let lane = Lane::new(Arc::clone(equipment), transport, job_queue.clone(), entries.clone());
            threads.push(thread::Builder::new().name(format!("lane-{number}")).spawn(move || lane.run())?);
        }
        threads.push(recorder);
        let (leases, keeper) =
            Leases::start(store, patience, &equipment.monitor.health, role, lease_term, &equipment.stop)?;
        threads.push(keeper);
        Ok(Self { jobs, entries, leases, threads })
    }

    /// Lets the lanes and the recorder finish, and waits for them. Whoever else holds a sender must have let go
    /// of it.
    pub fn dismiss(self) {
        drop((self.jobs, self.entries, self.leases));
        for thread in self.threads {
            if thread.join().is_err() {
                log::error!("a thread of the crew panicked (a bug in fanmail)");
            }
        }
    }
}
