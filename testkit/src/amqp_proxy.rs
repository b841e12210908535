//! A proxy between a worker and its broker that interferes with one ack: it closes the connection before or after the
//! ack, or delays the ack.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use crate::wait::wait_until;

/// What the proxy does with the next ack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AckAction {
    /// Forwards it.
    Pass,
    /// Closes the connection. The broker never gets the ack.
    CutBefore,
    /// Forwards the ack, then closes the connection. The worker never gets the reply that proves it.
    CutAfter,
    /// Delays the ack and everything behind it until [`AmqpProxy::release`].
    Hold,
}

/// A proxy that listens until the test process ends.
pub struct AmqpProxy {
    /// Port on loopback.
    pub port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    action: AckAction,
    /// How often the action was carried out.
    done: usize,
}

impl AmqpProxy {
    /// Starts a proxy for the broker at this port of loopback.
    pub fn start(broker: u16, action: AckAction) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared =
            Arc::new(Shared { state: Mutex::new(State { action, done: 0 }), changed: Condvar::new() });
        let for_clients = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, shared) = (client.unwrap(), Arc::clone(&for_clients));
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, broker)) else { continue };
                let (from_server, to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                thread::spawn(move || pass_all(from_server, to_client));
                thread::spawn(move || {
                    // It returns an error when either side closes, which is expected.
                    drop(pass_frames(&client, &server, &shared));
                    for end in [client, server] {
                        drop(end.shutdown(Shutdown::Both));
                    }
                });
            }
        });
        Self { port, shared }
    }

    /// Waits until the action was carried out.
    #[track_caller]
    pub fn wait_until_done(&self) {
        wait_until("an ack at the proxy", || self.shared.state.lock().unwrap().done == 1);
    }

    /// Forwards what is delayed.
    pub fn release(&self) {
        self.shared.state.lock().unwrap().action = AckAction::Pass;
        self.shared.changed.notify_all();
    }
}

fn pass_all(mut from: TcpStream, mut to: TcpStream) {
    // It returns an error when either side closes, which is expected.
    drop(io::copy(&mut from, &mut to));
    drop(to.shutdown(Shutdown::Both));
}

/// From the client to the server, frame by frame (AMQP 0-9-1 section 2.3.5).
fn pass_frames(mut client: &TcpStream, mut server: &TcpStream, shared: &Shared) -> io::Result<()> {
    let mut protocol_header = [0; 8];
    client.read_exact(&mut protocol_header)?;
    server.write_all(&protocol_header)?;
    loop {
        let mut frame = vec![0; 7];
        client.read_exact(&mut frame)?;
        let size = u32::from_be_bytes(frame[3..7].try_into().unwrap());
        // The payload, and the octet that ends the frame.
        frame.resize(7 + usize::try_from(size).unwrap() + 1, 0);
        client.read_exact(&mut frame[7..])?;
        let is_ack = frame[0] == 1 && frame[7..11] == [0, 60, 0, 80];
        let action = if is_ack { shared.begin() } else { AckAction::Pass };
        match action {
            AckAction::CutBefore => return Ok(()),
            AckAction::CutAfter => return server.write_all(&frame),
            AckAction::Hold => shared.wait_for_release(),
            AckAction::Pass => {}
        }
        server.write_all(&frame)?;
    }
}

impl Shared {
    /// The action for this ack. A connection is closed only once.
    fn begin(&self) -> AckAction {
        let mut state = self.state.lock().unwrap();
        let action = state.action;
        if action != AckAction::Pass {
            state.done += 1;
        }
        if action != AckAction::Hold {
            state.action = AckAction::Pass;
        }
        action
    }

    fn wait_for_release(&self) {
        let state = self.state.lock().unwrap();
        drop(self.changed.wait_while(state, |state| state.action == AckAction::Hold).unwrap());
    }
}
