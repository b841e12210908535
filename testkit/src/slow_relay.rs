//! A proxy that makes a relay seem far away: each reply arrives later by a fixed time. It is a delay and not a
//! bottleneck: any number of replies can be on their route at once, and commands are not delayed.
//!
//! It can speak TLS for a relay that does not. The handshake is delayed as well.

mod layer;

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use native_tls::TlsAcceptor;

use crate::certificates::Issued;
use crate::slow_relay::layer::Layer;

/// The proxy. Dropping it refuses new connections; open connections stay.
pub struct SlowRelay {
    /// Port on loopback.
    pub port: u16,
    closed: Arc<AtomicBool>,
}

/// What all connections share.
#[derive(Clone)]
struct Route {
    relay: u16,
    delay: Duration,
    acceptor: Option<TlsAcceptor>,
    replies: mpsc::Sender<DelayedReply>,
}

/// Bytes of the relay that the client does not have yet.
struct DelayedReply {
    due: Instant,
    client: Arc<TcpStream>,
    /// Empty when the relay has closed the connection.
    bytes: Vec<u8>,
}

impl SlowRelay {
    /// A proxy for the relay at `port` that delays its replies by `delay`.
    pub fn plain(port: u16, delay: Duration) -> Self {
        Self::start(port, delay, None)
    }

    /// The same with STARTTLS. The relay itself must not announce it.
    pub fn encrypted(port: u16, delay: Duration, issued: &Issued) -> Self {
        Self::start(port, delay, Some(issued.acceptor()))
    }

    fn start(relay: u16, delay: Duration, acceptor: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let closed = Arc::new(AtomicBool::new(false));
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || deliver(&receiver));
        let (route, is_closed) = (Route { relay, delay, acceptor, replies: sender }, Arc::clone(&closed));
        thread::spawn(move || {
            for client in listener.incoming().take_while(|_| !is_closed.load(Ordering::SeqCst)) {
                let (route, client) = (route.clone(), Arc::new(client.unwrap()));
                // Either side ends the connection by closing it.
                thread::spawn(move || drop(route.connect(&client)));
            }
        });
        Self { port, closed }
    }
}

impl Drop for SlowRelay {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::SeqCst);
        // Wakes the thread, which then sees that it has to end.
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
    }
}

/// The delay is the same for all bytes, so they are due in their order, and one thread serves all connections.
fn deliver(replies: &mpsc::Receiver<DelayedReply>) {
    for DelayedReply { due, client, bytes } in replies {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        // It is no error when the client has closed the connection.
        drop(if bytes.is_empty() { client.shutdown(Shutdown::Write) } else { (&*client).write_all(&bytes) });
    }
}

impl Route {
    /// Serves a client until the client or the relay closes the connection.
    fn connect(self, client: &Arc<TcpStream>) -> io::Result<()> {
        client.set_nodelay(true)?;
        let relay = TcpStream::connect((Ipv4Addr::LOCALHOST, self.relay))?;
        relay.set_nodelay(true)?;
        let layer = match self.acceptor.clone() {
            None => Layer::Plain,
            Some(acceptor) => {
                self.start_tls(client)?;
                read_line(&relay)?; // the greeting of the relay
                Layer::encrypted(&acceptor, || read(client), |bytes| self.send_later(client, bytes))?
            }
        };
        let (layer, replies, listener) = (Arc::new(layer), relay.try_clone()?, Arc::clone(client));
        let forward = {
            let layer = Arc::clone(&layer);
            move || loop {
                let bytes = layer.encrypt(&read(&replies)?)?;
                let is_over = bytes.is_empty();
                self.send_later(&listener, bytes);
                if is_over {
                    return io::Result::Ok(());
                }
            }
        };
        thread::spawn(forward);
        while let received @ [_, ..] = &*read(client)? {
            (&relay).write_all(&layer.decrypt(received)?)?;
        }
        relay.shutdown(Shutdown::Write)
    }

    /// Sends bytes to the client after the delay.
    fn send_later(&self, client: &Arc<TcpStream>, bytes: Vec<u8>) {
        // The receiving thread lives as long as a sender does.
        self.replies
            .send(DelayedReply { due: Instant::now() + self.delay, client: Arc::clone(client), bytes })
            .unwrap();
    }

    /// The session before TLS (RFC 3207).
    fn start_tls(&self, client: &Arc<TcpStream>) -> io::Result<()> {
        self.send_later(client, b"220 slow.example.org ESMTP\r\n".to_vec());
        for reply in ["250-slow.example.org\r\n250 STARTTLS\r\n", "220 2.0.0 go ahead\r\n"] {
            read_line(client)?;
            self.send_later(client, reply.into());
        }
        Ok(())
    }
}

/// The next bytes; empty when the other side has closed the connection.
fn read(mut stream: &TcpStream) -> io::Result<Vec<u8>> {
    let mut received = vec![0; 32 * 1024];
    let length = stream.read(&mut received)?;
    received.truncate(length);
    Ok(received)
}

/// Reads a line. The other side sends nothing behind it unasked.
fn read_line(stream: &TcpStream) -> io::Result<()> {
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        match &*read(stream)? {
            [] => return Err(ErrorKind::UnexpectedEof.into()),
            more => line.extend_from_slice(more),
        }
    }
    Ok(())
}
