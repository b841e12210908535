//! What the server and its sessions share.

use std::collections::HashMap;
use std::io;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::smtp::connection::Connection;
use crate::smtp::gate::Gate;
use crate::smtp::log::{BodyReply, Log, ReceivedMail};
use crate::smtp::policy::Policy;
use crate::smtp::step_fault::Order;
use crate::smtp::{Capabilities, RecipientFault, Settings};
use crate::sync::lock;

/// The state of the server, shared with its sessions.
pub(super) struct Shared {
    pub(super) capabilities: Capabilities,
    pub(super) gate: Gate,
    pub(super) log: Mutex<Log>,
    pub(super) settings: Mutex<Settings>,
    /// For each recipient: the faults, and how often each still happens.
    pub(super) recipient_faults: Mutex<HashMap<String, Vec<(RecipientFault, usize)>>>,
    pub(super) step_faults: Mutex<Vec<Order>>,
    pub(super) policies: Mutex<Vec<Policy>>,
    /// By the number of the connection.
    pub(super) sockets: Mutex<HashMap<usize, TcpStream>>,
    pub(super) down: Mutex<bool>,
    /// Connections that count for the limit of connections: those whose client has not said QUIT.
    pub(super) serving: AtomicUsize,
}

/// A connection that counts for the limit of connections, until it is dropped.
pub(super) struct Serving {
    shared: Arc<Shared>,
    /// How many there were when this one was made, with it.
    pub(super) count: usize,
}

impl Serving {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        let count = shared.serving.fetch_add(1, Ordering::SeqCst) + 1;
        Self { shared: Arc::clone(shared), count }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.shared.serving.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Shared {
    pub(super) fn log(&self) -> MutexGuard<'_, Log> {
        lock(&self.log)
    }

    pub(super) fn settings(&self) -> MutexGuard<'_, Settings> {
        lock(&self.settings)
    }

    /// The first fault of this recipient that is left and that `pick` accepts. Counts it down by one.
    pub(super) fn take_fault<T>(
        &self,
        recipient: &str,
        pick: impl Fn(&RecipientFault) -> Option<T>,
    ) -> Option<T> {
        let mut faults = lock(&self.recipient_faults);
        let ordered = faults.get_mut(recipient)?;
        ordered.iter_mut().find_map(|(fault, left)| {
            let picked = pick(fault).filter(|_| *left > 0)?;
            *left -= 1;
            Some(picked)
        })
    }

    /// Starts TLS.
    ///
    /// # Errors
    /// When the client breaks off the handshake.
    pub(super) fn encrypt(&self, connection: &mut Connection) -> io::Result<()> {
        let certificate = self.settings().certificate.clone().unwrap();
        let encrypted = connection.encrypt(&certificate.acceptor());
        if encrypted.is_err() {
            self.log().failed_handshakes += 1;
        }
        encrypted
    }

    /// Records a body. Returns its index in the log.
    pub(super) fn record(&self, received: ReceivedMail) -> usize {
        let mut log = self.log();
        log.received.push(received);
        log.received.len() - 1
    }

    /// Records whether a body was accepted.
    pub(super) fn set_accepted(&self, index: usize, yes: bool) {
        let mut log = self.log();
        if yes {
            log.received[index].answer = BodyReply::Accepted;
            log.accepted += 1;
        } else {
            log.received[index].answer = BodyReply::None;
            log.accepted -= 1;
        }
    }
}
