//! A proxy for a database server that loses replies to COMMIT: the server commits, and the connection is closed before
//! the client gets the reply.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// The proxy. It ends with the test process.
pub struct DatabaseProxy {
    /// Port on loopback.
    pub port: u16,
    commits: Arc<AtomicUsize>,
    every: usize,
}

impl DatabaseProxy {
    /// Starts a proxy for the server at `port` that loses the reply to one of `every` commits.
    pub fn dropping_commit_replies(port: u16, every: usize) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let commits = Arc::new(AtomicUsize::new(0));
        let proxy =
            Self { port: listener.local_addr().unwrap().port(), commits: Arc::clone(&commits), every };
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
                let (client_2, server_2) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let cut = Arc::new(AtomicBool::new(false));
                let (cut_2, commits) = (Arc::clone(&cut), Arc::clone(&commits));
                thread::spawn(move || {
                    copy(client, server, |request| {
                        let lost = commits_in(request) > 0
                            && commits.fetch_add(1, Ordering::Relaxed) % every == every - 1;
                        cut.fetch_or(lost, Ordering::SeqCst);
                        true
                    });
                });
                thread::spawn(move || copy(server_2, client_2, |_| !cut_2.load(Ordering::SeqCst)));
            }
        });
        proxy
    }

    /// Number of lost replies.
    pub fn lost(&self) -> usize {
        self.commits.load(Ordering::Relaxed) / self.every
    }
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
        // It is no error when the connection is closed already.
        drop(stream.shutdown(Shutdown::Both));
    }
}

/// Counts COMMIT in a request. Both servers get it as plain text. The level READ COMMITTED does not count.
fn commits_in(request: &[u8]) -> usize {
    request.windows(7).filter(|window| window.starts_with(b"COMMIT") && window[6] != b'T').count()
        + usize::from(request.ends_with(b"COMMIT"))
}
