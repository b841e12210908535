//! An SMTP server for tests. It checks the client against the protocol, fails where the test tells it to, and records
//! which bodies it received and which of them it accepted.

pub mod gate;
pub mod log;
pub mod mail_files;
pub mod policy;
pub mod step_fault;
pub mod stream;

mod connection;
mod session;
mod shared;

use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::certificates::Issued;
use crate::ports::free_port;
use crate::smtp::connection::Connection;
use crate::smtp::gate::Gate;
use crate::smtp::log::{BodyReply, Log, Multiset};
use crate::smtp::session::Session;
use crate::smtp::shared::{Serving, Shared};
use crate::smtp::step_fault::{Step, StepFault};
use crate::smtp::stream::Tls;
use crate::sync::lock;
use crate::wait::wait_until;

/// What EHLO announces beside SIZE.
#[derive(Debug, Clone)]
pub struct Capabilities {
    /// PIPELINING (RFC 2920).
    pub pipelining: bool,
    /// 8BITMIME (RFC 6152).
    pub eight_bit: bool,
    /// SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
    /// AUTH is announced and required, with this user and this password.
    pub credentials: Option<(String, String)>,
    /// TLS, with the first certificate.
    pub tls: Option<(Tls, Issued)>,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self { pipelining: true, eight_bit: true, smtputf8: false, credentials: None, tls: None }
    }
}

/// How the mails to one recipient fail.
#[derive(Debug, Clone)]
pub enum RecipientFault {
    /// This reply to RCPT.
    Rcpt(&'static str),
    /// This reply to RCPT, and 354 to DATA all the same.
    RcptThen354(&'static str),
    /// This reply to RCPT, then the server closes the connection.
    RcptThenHangUp(&'static str),
    /// The connection breaks instead of the 354: no body is sent.
    DropAtData,
    /// The connection breaks within the body: the dot never arrives.
    DropInBody,
    /// This reply to the dot.
    Dot(&'static str),
    /// The reply to the dot is 250 and comes after this time.
    LateReply(Duration),
    /// The body is received, and the connection breaks before the reply.
    DropAfterDot,
}

/// Settings that hold for all connections.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Sent instead of the 220; then the server closes the connection.
    pub greeting: Option<String>,
    /// The certificate for the next handshakes, of a server that has TLS.
    pub certificate: Option<Issued>,
    /// Plain text behind the 220 to STARTTLS, as an attacker on the network would inject it.
    pub injected: Option<String>,
    /// The reply to AUTH, whatever the credentials are.
    pub auth_refusal: Option<String>,
    /// After this number of bodies, a connection fails so at this step.
    pub mails_per_connection: Option<(usize, Step, StepFault)>,
    /// While this number of connections is open, a further connection fails so at this step.
    pub most_connections: Option<(usize, Step, StepFault)>,
    /// The bodies are not kept, because there are very many of them.
    pub discards_bodies: bool,
    /// Each mail is written into this folder before it is accepted ([`mail_files`]).
    pub folder: Option<PathBuf>,
    /// Pause before each group of replies, on new connections.
    pub reply_delay: Duration,
}

/// The server. Dropping it stops it.
pub struct SmtpServer {
    /// Port on loopback.
    pub port: u16,
    shared: Arc<Shared>,
    listening: Mutex<Option<JoinHandle<()>>>,
}

impl SmtpServer {
    /// A server with the usual capabilities.
    pub fn start() -> Self {
        Self::with_capabilities(Capabilities::default())
    }

    /// A server with these capabilities.
    pub fn with_capabilities(capabilities: Capabilities) -> Self {
        let server = Self::down(capabilities);
        server.come_up();
        server
    }

    /// A server that refuses connections until [`come_up`](Self::come_up).
    pub fn down(capabilities: Capabilities) -> Self {
        let certificate = capabilities.tls.as_ref().map(|(_, certificate)| certificate.clone());
        let shared = Shared {
            capabilities,
            gate: Gate::default(),
            log: Mutex::default(),
            settings: Mutex::new(Settings { certificate, ..Settings::default() }),
            recipient_faults: Mutex::default(),
            step_faults: Mutex::default(),
            policies: Mutex::default(),
            sockets: Mutex::default(),
            down: Mutex::new(true),
            serving: AtomicUsize::new(0),
        };
        Self { port: free_port(), shared: Arc::new(shared), listening: Mutex::new(None) }
    }

    /// Starts to listen.
    pub fn come_up(&self) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        *lock(&self.shared.down) = false;
        let shared = Arc::clone(&self.shared);
        *lock(&self.listening) = Some(thread::spawn(move || listen(&listener, &shared)));
    }

    /// Breaks all connections and refuses new ones.
    pub fn go_down(&self) {
        *lock(&self.shared.down) = true;
        let Some(listening) = lock(&self.listening).take() else {
            return;
        };
        // Wakes the listening thread, which then sees that it has to end.
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
        listening.join().unwrap();
        for socket in lock(&self.shared.sockets).values() {
            // Fails when the client has closed the connection before.
            drop(socket.shutdown(Shutdown::Both));
        }
        wait_until("the SMTP connections to end", || self.shared.log().open == 0);
    }

    /// The next `times` mails to `recipient` fail so.
    pub fn fail_recipient(&self, recipient: &str, fault: RecipientFault, times: usize) {
        lock(&self.shared.recipient_faults).entry(recipient.to_owned()).or_default().push((fault, times));
    }

    /// Removes the faults of all recipients.
    pub fn clear_recipient_faults(&self) {
        lock(&self.shared.recipient_faults).clear();
    }

    /// Changes the settings for all connections.
    pub fn configure(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.shared.settings());
    }

    /// The gate of the server.
    pub fn gate(&self) -> &Gate {
        &self.shared.gate
    }

    /// A copy of the log.
    pub fn log(&self) -> Log {
        self.shared.log().clone()
    }

    /// Reads the log without a copy.
    pub fn read_log<T>(&self, read: impl FnOnce(&Log) -> T) -> T {
        read(&self.shared.log())
    }

    /// Number of accepted bodies.
    pub fn accepted(&self) -> usize {
        self.shared.log().accepted
    }

    /// Message-IDs of the bodies that were accepted with 250.
    pub fn accepted_ids(&self) -> Multiset {
        self.shared.log().count(|received| received.answer == BodyReply::Accepted)
    }

    /// Message-IDs of the bodies that a real server would deliver: all but the refused ones.
    pub fn delivered_ids(&self) -> Multiset {
        self.shared.log().count(|received| received.answer != BodyReply::Refused)
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.go_down();
    }
}

fn listen(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if *lock(&shared.down) {
            return;
        }
        let stream = stream.unwrap();
        let serving = Serving::new(shared);
        let number = {
            let mut log = shared.log();
            log.connections += 1;
            log.open += 1;
            log.most_open = log.most_open.max(log.open);
            log.connections
        };
        lock(&shared.sockets).insert(number, stream.try_clone().unwrap());
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            let delay = shared.settings().reply_delay;
            // The log has all that matters, however the session ended.
            drop(converse(&shared, stream, delay, number, serving));
            lock(&shared.sockets).remove(&number);
            shared.log().open -= 1;
        });
    }
}

fn converse(
    shared: &Arc<Shared>,
    stream: TcpStream,
    delay: Duration,
    number: usize,
    serving: Serving,
) -> io::Result<()> {
    let mut connection = Connection::new(stream, delay)?;
    if matches!(shared.capabilities.tls, Some((Tls::Implicit, _))) {
        shared.encrypt(&mut connection)?;
    }
    Session::new(Arc::clone(shared), connection, number, serving).run()
}
