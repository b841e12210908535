//! A proxy for a database server that loses replies to COMMIT for a while (the server commits, and the connection is closed
//! before the client gets the reply), or that is cut off at a certain request, with all connections, until it is repaired.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use crate::process::Process;
use crate::scenario::Scenario;
use crate::sync::lock;

/// For how long replies are lost in a test whose waits have the usual deadline (`wait::TIMEOUT`).
///
/// One call of a program may meet every loss, as long as there are any: with every second reply lost, it does when the other
/// calls between two of its tries are odd in number each time. Its tries are 10 s apart after a few failures. So the end of the
/// losses and one such pause have to fit into the deadline, with time to spare for what comes then.
pub const LOSSY: Duration = Duration::from_secs(20);

/// The proxy. It ends with the test process.
pub struct DatabaseProxy {
    /// Port on loopback.
    pub port: u16,
    faults: Arc<Faults>,
}

/// What the proxy does, and what it has done.
#[derive(Default)]
struct Faults {
    /// The reply to one of so many commits is lost; 0 is none.
    commits_per_loss: usize,
    /// Replies are lost for so long, from the first commit on.
    lossy_for: Duration,
    first_commit_at: OnceLock<Instant>,
    commits: AtomicUsize,
    lost: AtomicUsize,
    /// The number of the request at which all connections are cut; 0 is none.
    last_request: AtomicUsize,
    requests: AtomicUsize,
    cut_off: AtomicBool,
    /// Both ends of all connections so far.
    sockets: Mutex<Vec<TcpStream>>,
}

impl DatabaseProxy {
    /// Starts a proxy for the server at `port` that loses the reply to one of `every` commits. It begins with the first commit,
    /// and forwards everything once it has done so `lossy_for` so long.
    pub fn dropping_commit_replies(port: u16, every: usize, lossy_for: Duration) -> Self {
        Self::start(port, Faults { commits_per_loss: every, lossy_for, ..Faults::default() })
    }

    /// Starts a proxy that forwards everything up to the request with this number, counted from 1 over all connections.
    /// Neither that request nor any later one reaches the server: all connections are closed, and new ones are closed at
    /// once, until [`repair`](Self::repair). A request is what the client sends in one write; logging in takes several.
    pub fn cut_off_at(port: u16, request: usize) -> Self {
        Self::start(port, Faults { last_request: AtomicUsize::new(request), ..Faults::default() })
    }

    fn start(port: u16, faults: Faults) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let proxy_port = listener.local_addr().unwrap().port();
        let faults = Arc::new(faults);
        let of_connections = Arc::clone(&faults);
        thread::spawn(move || {
            for client in listener.incoming() {
                connect(client.unwrap(), port, &of_connections);
            }
        });
        Self { port: proxy_port, faults }
    }

    /// A proxy that forwards everything until [`cut_off`](Self::cut_off).
    pub fn passing(port: u16) -> Self {
        Self::start(port, Faults::default())
    }

    /// Starts `fanmail` with these arguments. It reaches its database only through the proxy.
    pub fn start_fanmail(&self, scenario: &Scenario, arguments: &[&str]) -> Process {
        let mut environment = scenario.environment.clone();
        let (server, path) = environment["DATABASE_URL"].rsplit_once('/').unwrap();
        let (user, _) = server.rsplit_once(':').unwrap();
        let url = Self::without_tls(&format!("{user}:{}/{path}", self.port));
        environment.insert("DATABASE_URL".to_owned(), url);
        Process::start(scenario.dir.path(), &environment, arguments)
    }

    /// The URL of a database with a parameter against TLS, in which the proxy could read no COMMIT: `MariaDB` offers it by
    /// itself from 11.4 on. The tests' PostgreSQL has none.
    pub fn without_tls(url: &str) -> String {
        let parameter = if url.starts_with("mysql:") { "?ssl_mode=DISABLED" } else { "" };
        format!("{url}{parameter}")
    }

    /// Closes all connections, and new ones at once, until [`repair`](Self::repair).
    pub fn cut_off(&self) {
        self.faults.cut_off.store(true, Ordering::SeqCst);
        self.faults.close_all();
    }

    /// Number of lost replies.
    pub fn lost(&self) -> usize {
        self.faults.lost.load(Ordering::SeqCst)
    }

    /// Number of requests so far, while none is cut off.
    pub fn requests(&self) -> usize {
        self.faults.requests.load(Ordering::SeqCst)
    }

    /// Whether everything is cut off.
    pub fn is_cut_off(&self) -> bool {
        self.faults.cut_off.load(Ordering::SeqCst)
    }

    /// Forwards everything from now on.
    pub fn repair(&self) {
        self.faults.last_request.store(0, Ordering::SeqCst);
        self.faults.cut_off.store(false, Ordering::SeqCst);
    }
}

impl Faults {
    /// Whether this request may reach the server.
    fn forwards(&self) -> bool {
        let number = self.requests.fetch_add(1, Ordering::SeqCst) + 1;
        let last = self.last_request.load(Ordering::SeqCst);
        if last != 0 && number >= last && !self.cut_off.swap(true, Ordering::SeqCst) {
            self.close_all();
        }
        !self.cut_off.load(Ordering::SeqCst)
    }

    /// Whether the reply to this request is to be lost.
    fn loses_reply_to(&self, request: &[u8]) -> bool {
        if self.commits_per_loss == 0
            || commits_in(request) == 0
            || self.first_commit_at.get_or_init(Instant::now).elapsed() >= self.lossy_for
        {
            return false;
        }
        let number = self.commits.fetch_add(1, Ordering::SeqCst) + 1;
        let is_lost = number.is_multiple_of(self.commits_per_loss);
        self.lost.fetch_add(is_lost.into(), Ordering::SeqCst);
        is_lost
    }

    fn close_all(&self) {
        lock(&self.sockets).drain(..).for_each(|socket| close(&socket));
    }
}

/// Forwards a connection, in two threads.
fn connect(client: TcpStream, port: u16, faults: &Arc<Faults>) {
    if faults.cut_off.load(Ordering::SeqCst) {
        return close(&client);
    }
    // A server that is down refuses connections, as a proxy does by closing them.
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return close(&client) };
    let (client_2, server_2) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    lock(&faults.sockets).extend([client.try_clone().unwrap(), server.try_clone().unwrap()]);
    let reply_is_lost = Arc::new(AtomicBool::new(false));
    let (lost, faults) = (Arc::clone(&reply_is_lost), Arc::clone(faults));
    thread::spawn(move || {
        copy(client, server, |request| {
            lost.fetch_or(faults.loses_reply_to(request), Ordering::SeqCst);
            faults.forwards()
        });
    });
    thread::spawn(move || copy(server_2, client_2, |_| !reply_is_lost.load(Ordering::SeqCst)));
}

/// Copies until either side closes or `passes` returns `false`.
fn copy(mut from: TcpStream, mut to: TcpStream, mut passes: impl FnMut(&[u8]) -> bool) {
    let mut buffer = [0; 8 * 1024];
    let mut step = || -> io::Result<bool> {
        let size = from.read(&mut buffer)?;
        let goes_on = size > 0 && passes(&buffer[..size]);
        if goes_on {
            to.write_all(&buffer[..size])?;
        }
        Ok(goes_on)
    };
    while step().unwrap_or(false) {}
    for stream in [&from, &to] {
        close(stream);
    }
}

fn close(stream: &TcpStream) {
    // It is no error when the connection is closed already.
    drop(stream.shutdown(Shutdown::Both));
}

/// Counts COMMIT in a request. Both servers get it as plain text. The level READ COMMITTED does not count.
fn commits_in(request: &[u8]) -> usize {
    request.windows(7).filter(|window| window.starts_with(b"COMMIT") && window[6] != b'T').count()
        + usize::from(request.ends_with(b"COMMIT"))
}
