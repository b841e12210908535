//! A gate in the server: it holds mails at one point of a session until the test opens it, so that a test can examine a
//! fan-out in the middle, for any time.

use std::io;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use crate::smtp::connection::Connection;

/// Where a mail is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// After the connection is made, before the greeting.
    Greeting,
    /// Before any reply to a group of commands that begins with MAIL.
    Mail,
    /// After the reply to MAIL, before the reply to RCPT.
    Rcpt,
    /// After DATA, before the 354: no body is sent.
    BeforeBody,
    /// After the dot, before the 250: the server has the body, and the client does not know it.
    BeforeReply,
}

/// The gate. It is open at first.
#[derive(Default)]
pub struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The point, and how many mails may still pass; `None` when the gate is open.
    closed: Option<(Point, usize)>,
    /// Number of connections that are held.
    held: usize,
}

impl Gate {
    /// Lets the next `first` mails pass `point`, and holds all others there.
    pub fn close_after(&self, point: Point, first: usize) {
        self.state.lock().unwrap().closed = Some((point, first));
        self.changed.notify_all();
    }

    /// Lets all mails pass.
    pub fn open(&self) {
        self.state.lock().unwrap().closed = None;
        self.changed.notify_all();
    }

    /// Number of connections that are held.
    pub fn held(&self) -> usize {
        self.state.lock().unwrap().held
    }

    /// Waits until the gate lets this connection pass `point`.
    ///
    /// # Errors
    /// When the client closes the connection meanwhile.
    pub(super) fn pass(&self, point: Point, connection: &mut Connection) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        let mut counted = false;
        let outcome = loop {
            match &mut state.closed {
                Some((place, left)) if *place == point => {
                    if let Some(fewer) = left.checked_sub(1) {
                        *left = fewer;
                        break Ok(());
                    }
                }
                _ => break Ok(()),
            }
            if !counted {
                state.held += 1;
                counted = true;
                drop(state);
                connection.flush()?;
                state = self.state.lock().unwrap();
                continue;
            }
            if let Err(error) = connection.receive_available() {
                break Err(error);
            }
            // The timeout is for a client that has closed the connection.
            state = self.changed.wait_timeout(state, Duration::from_millis(20)).unwrap().0;
        };
        if counted {
            state.held -= 1;
        }
        outcome
    }
}
