//! A proxy between workers and their broker that leaves connections half open: the worker's side is reset, and the
//! broker's side stays open and silent. So the broker keeps the messages of that connection, until it misses two
//! heartbeats or until the test lets it notice.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use crate::sync::lock;

/// The proxy. It listens until the test process ends.
pub struct HalfOpenProxy {
    /// Port on loopback.
    pub port: u16,
    connections: Arc<Mutex<Vec<Connection>>>,
}

/// A connection whose two sides were open when it was made.
struct Connection {
    /// The worker's side; `None` once it is half open.
    worker: WorkerSide,
    broker: TcpStream,
}

/// The thread that reads from the broker writes to it, too.
type WorkerSide = Arc<Mutex<Option<TcpStream>>>;

impl HalfOpenProxy {
    /// Starts a proxy for the broker at this port of loopback.
    pub fn start(broker: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(Mutex::new(Vec::new()));
        let accepted = Arc::clone(&connections);
        thread::spawn(move || {
            for worker in listener.incoming() {
                let worker = worker.unwrap();
                // A broker that does not run refuses the connection; so the worker's side is closed.
                let Ok(broker) = TcpStream::connect((Ipv4Addr::LOCALHOST, broker)) else { continue };
                lock(&accepted).push(Connection::start(worker, broker));
            }
        });
        Self { port, connections }
    }

    /// Resets the worker's side of all open connections. Returns their number.
    pub fn reset_workers(&self) -> usize {
        let mut connections = lock(&self.connections);
        connections.iter_mut().filter_map(Connection::reset_worker).count()
    }

    /// Closes the broker's side of all connections that are half open: the broker delivers their messages again.
    pub fn close_half_open(&self) {
        lock(&self.connections).retain(|connection| {
            let is_open = lock(&connection.worker).is_some();
            if !is_open {
                // It is no error when the broker has closed it already.
                drop(connection.broker.shutdown(Shutdown::Both));
            }
            is_open
        });
    }
}

impl Connection {
    fn start(worker: TcpStream, broker: TcpStream) -> Self {
        let (from_worker, from_broker) = (worker.try_clone().unwrap(), broker.try_clone().unwrap());
        let (worker, to_broker) = (Arc::new(Mutex::new(Some(worker))), broker.try_clone().unwrap());
        let (of_worker, to_worker) = (Arc::clone(&worker), Arc::clone(&worker));
        thread::spawn(move || pass_to_broker(from_worker, to_broker, &of_worker));
        thread::spawn(move || pass_to_worker(from_broker, &to_worker));
        Self { worker, broker }
    }

    /// `None` when the worker's side was closed before.
    fn reset_worker(&mut self) -> Option<()> {
        let worker = lock(&self.worker).take()?;
        // So a close sends RST (socket(7), SO_LINGER). The socket is closed when the other thread ends, too.
        SockRef::from(&worker).set_linger(Some(Duration::ZERO)).unwrap();
        worker.shutdown(Shutdown::Read).ok()
    }
}

/// Ends when the worker closes its side, and then closes the broker's, or when the worker's side was reset.
fn pass_to_broker(mut worker: TcpStream, mut broker: TcpStream, side: &WorkerSide) {
    let mut buffer = [0; 8 * 1024];
    while let Ok(size @ 1..) = worker.read(&mut buffer)
        && lock(side).is_some()
        && broker.write_all(&buffer[..size]).is_ok()
    {}
    if lock(side).take().is_some() {
        drop(broker.shutdown(Shutdown::Both));
    }
}

/// Ends when the broker closes its side, and then closes the worker's. What comes for a side that was reset is dropped.
fn pass_to_worker(mut broker: TcpStream, side: &WorkerSide) {
    let mut buffer = [0; 8 * 1024];
    while let Ok(size @ 1..) = broker.read(&mut buffer) {
        let worker = lock(side).as_ref().map(|worker| worker.try_clone().unwrap());
        if let Some(mut worker) = worker {
            // An error shows in the other thread as well.
            drop(worker.write_all(&buffer[..size]));
        }
    }
    if let Some(worker) = lock(side).take() {
        drop(worker.shutdown(Shutdown::Both));
    }
}
