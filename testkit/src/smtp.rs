//! An SMTP server of the tests' own: strict about the protocol, obedient about faults, and with an exact memory
//! of which bodies it received and which of them it confirmed.

mod connection;
pub mod gate;
pub mod log;
mod session;
pub mod step_fault;
mod stream;

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use connection::Connection;
use gate::Gate;
use log::{BodyReply, Log, Multiset, ReceivedMail};
use session::Session;
pub use stream::Tls;

use crate::certificates::Issued;
use crate::ports::free_port;
use crate::wait::wait_until;
use step_fault::{Order, Step, StepFault};

/// What EHLO offers beside SIZE.
#[derive(Debug, Clone)]
pub struct Capabilities {
    /// RFC 2920.
    pub pipelining: bool,
    /// RFC 6152.
    pub eight_bit: bool,
    /// RFC 6531.
    pub smtputf8: bool,
    /// AUTH is offered, and needed, with this user and this password.
    pub credentials: Option<(String, String)>,
    /// TLS, and the certificate to begin with.
    pub tls: Option<(Tls, Issued)>,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self { pipelining: true, eight_bit: true, smtputf8: false, credentials: None, tls: None }
    }
}

/// What happens to the mails of one recipient.
#[derive(Debug, Clone)]
pub enum RecipientFault {
    /// This reply to RCPT.
    Rcpt(&'static str),
    /// This reply to RCPT, and DATA is answered with 354 all the same.
    RcptThen354(&'static str),
    /// This reply to RCPT, and the server hangs up.
    RcptThenHangUp(&'static str),
    /// The connection breaks instead of the 354: no body was sent.
    DropAtData,
    /// The connection breaks within the body: the dot never arrives.
    DropInBody,
    /// This reply to the dot.
    Dot(&'static str),
    /// The body is received and the connection breaks before the reply.
    DropAfterDot,
}

/// Settings that hold for all connections.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Instead of the 220; then the server hangs up.
    pub greeting: Option<String>,
    /// The certificate, from now on, of a server that has TLS.
    pub certificate: Option<Issued>,
    /// What somebody on the way adds to the 220 to STARTTLS, in plain text.
    pub injected: Option<String>,
    /// To AUTH, whatever the credentials.
    pub auth_refusal: Option<String>,
    /// After so many bodies, MAIL is answered with 421 and the server hangs up.
    pub mails_per_connection: Option<usize>,
    /// While so many connections are open, a further one gets into this trouble at this step.
    pub most_connections: Option<(usize, Step, StepFault)>,
    /// Forgets the text of each mail, of which there are very many.
    pub discards_bodies: bool,
    /// Pause before each group of replies, on connections made from now on.
    pub reply_delay: Duration,
}

pub(crate) struct Shared {
    capabilities: Capabilities,
    gate: Gate,
    log: Mutex<Log>,
    settings: Mutex<Settings>,
    /// By recipient: what is to happen, and how often it still is.
    recipient_faults: Mutex<HashMap<String, Vec<(RecipientFault, usize)>>>,
    step_faults: Mutex<Vec<Order>>,
    sockets: Mutex<HashMap<usize, TcpStream>>,
    down: Mutex<bool>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn log(&self) -> MutexGuard<'_, Log> {
        lock(&self.log)
    }

    fn settings(&self) -> MutexGuard<'_, Settings> {
        lock(&self.settings)
    }

    /// The first fault of this recipient that is not used up and that `pick` wants; uses it up once.
    fn take_fault<T>(&self, recipient: &str, pick: impl Fn(&RecipientFault) -> Option<T>) -> Option<T> {
        let mut faults = lock(&self.recipient_faults);
        let ordered = faults.get_mut(recipient)?;
        ordered.iter_mut().find_map(|(fault, left)| {
            let picked = pick(fault).filter(|_| *left > 0)?;
            *left -= 1;
            Some(picked)
        })
    }

    /// Goes on encrypted.
    ///
    /// # Errors
    /// When the client breaks off the handshake.
    fn encrypt(&self, connection: &mut Connection) -> io::Result<()> {
        let certificate = self.settings().certificate.clone().unwrap();
        let encrypted = connection.encrypt(&certificate.acceptor());
        if encrypted.is_err() {
            self.log().failed_handshakes += 1;
        }
        encrypted
    }

    fn note(&self, received: ReceivedMail) -> usize {
        let mut log = self.log();
        log.received.push(received);
        log.received.len() - 1
    }

    fn accepted(&self, index: usize, yes: bool) {
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

/// The server. Dropping it stops it.
pub struct SmtpServer {
    /// On loopback.
    pub port: u16,
    shared: Arc<Shared>,
    listening: Mutex<Option<JoinHandle<()>>>,
}

impl SmtpServer {
    /// One that offers the usual.
    pub fn start() -> Self {
        Self::with_capabilities(Capabilities::default())
    }

    /// One that offers this.
    pub fn with_capabilities(capabilities: Capabilities) -> Self {
        let server = Self::down(capabilities);
        server.come_up();
        server
    }

    /// One that refuses connections until it is told to [come up](Self::come_up).
    pub fn down(capabilities: Capabilities) -> Self {
        let certificate = capabilities.tls.as_ref().map(|(_, certificate)| certificate.clone());
        let shared = Shared {
            capabilities,
            gate: Gate::default(),
            log: Mutex::default(),
            settings: Mutex::new(Settings { certificate, ..Settings::default() }),
            recipient_faults: Mutex::default(),
            step_faults: Mutex::default(),
            sockets: Mutex::default(),
            down: Mutex::new(true),
        };
        Self { port: free_port(), shared: Arc::new(shared), listening: Mutex::new(None) }
    }

    /// Listens.
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
        // Wakes the thread up, which sees that it is over.
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
        listening.join().unwrap();
        for socket in lock(&self.shared.sockets).values() {
            // Fails when the client was quicker.
            drop(socket.shutdown(Shutdown::Both));
        }
        wait_until("the SMTP connections to end", || self.shared.log().open == 0);
    }

    /// Settings a fault for the next `times` mails to `recipient`.
    pub fn fail_recipient(&self, recipient: &str, fault: RecipientFault, times: usize) {
        lock(&self.shared.recipient_faults).entry(recipient.to_owned()).or_default().push((fault, times));
    }

    /// Forgets all faults of recipients that are not used up.
    pub fn clear_recipient_faults(&self) {
        lock(&self.shared.recipient_faults).clear();
    }

    /// Changes the orders for all connections.
    pub fn configure(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.shared.settings());
    }

    /// The gate.
    pub fn gate(&self) -> &Gate {
        &self.shared.gate
    }

    /// Everything it saw so far: a copy.
    pub fn log(&self) -> Log {
        self.shared.log().clone()
    }

    /// The same without a copy.
    pub fn read_log<T>(&self, read: impl FnOnce(&Log) -> T) -> T {
        read(&self.shared.log())
    }

    /// How many bodies were accepted.
    pub fn accepted(&self) -> usize {
        self.shared.log().accepted
    }

    /// Message-IDs of the bodies that were confirmed with 250.
    pub fn accepted_ids(&self) -> Multiset {
        self.shared.log().count(|received| received.answer == BodyReply::Accepted)
    }

    /// Message-IDs of the bodies that a real server would deliver: all but those it refused.
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
        let (number, open) = {
            let mut log = shared.log();
            log.connections += 1;
            log.open += 1;
            log.most_open = log.most_open.max(log.open);
            (log.connections, log.open)
        };
        lock(&shared.sockets).insert(number, stream.try_clone().unwrap());
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            let delay = shared.settings().reply_delay;
            // However it ended, what counts is in the log.
            drop(converse(&shared, stream, delay, (number, open)));
            lock(&shared.sockets).remove(&number);
            shared.log().open -= 1;
        });
    }
}

fn converse(
    shared: &Arc<Shared>,
    stream: TcpStream,
    delay: Duration,
    (number, open): (usize, usize),
) -> io::Result<()> {
    let mut connection = Connection::new(stream, delay)?;
    if matches!(shared.capabilities.tls, Some((Tls::Implicit, _))) {
        shared.encrypt(&mut connection)?;
    }
    Session::new(Arc::clone(shared), connection, number, open).run()
}
