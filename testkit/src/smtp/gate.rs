//! A gate in the server: holds mails at one point of their way until the test lets them through, so that a test
//! can look at a fan-out that is in the middle, for as long as it likes.

use std::io;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use super::connection::Connection;

/// Where a mail is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// The connection is made, and the server says nothing.
    Greeting,
    /// Before any reply to a group that begins with MAIL.
    Mail,
    /// After the reply to MAIL, before the one to RCPT.
    Rcpt,
    /// After DATA, before the 354: no body has been written.
    BeforeBody,
    /// After the dot, before the 250: the body is here, and the client does not know.
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
    /// Where it is, and how many mails may still pass; `None` when it is open.
    closed: Option<(Point, usize)>,
    /// How many connections stand before it.
    held: usize,
}

impl Gate {
    /// Lets `first` more mails pass `point`, and holds all others there.
    pub fn close_after(&self, point: Point, first: usize) {
        self.state.lock().unwrap().closed = Some((point, first));
        self.changed.notify_all();
    }

    /// Lets everything pass from now on.
    pub fn open(&self) {
        self.state.lock().unwrap().closed = None;
        self.changed.notify_all();
    }

    /// How many connections stand before it.
    pub fn held(&self) -> usize {
        self.state.lock().unwrap().held
    }

    /// Passes `point`, when the gate lets it.
    ///
    /// # Errors
    /// When the client goes away meanwhile.
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
            if let Err(gone) = connection.look() {
                break Err(gone);
            }
            // Also wakes up by itself, to see whether the client is still there.
            state = self.changed.wait_timeout(state, Duration::from_millis(20)).unwrap().0;
        };
        if counted {
            state.held -= 1;
        }
        outcome
    }
}
