//! Faults of the server: at one step of the session, the server does something else than it should.

use std::io::Write as _;
use std::net::Shutdown;
use std::time::Instant;

use crate::smtp::SmtpServer;
use crate::smtp::log::BodyReply;
use crate::smtp::shared::Shared;
use crate::sync::lock;

/// A step of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Right after the connection is made.
    Greeting,
    /// Each EHLO.
    Ehlo,
    /// AUTH.
    Auth,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Rcpt,
    /// DATA.
    Data,
    /// The body has arrived with its dot.
    Dot,
}

/// What happens instead of the usual reply.
#[derive(Debug, Clone, Copy)]
pub enum StepFault {
    /// The server sends these bytes and a line end, and the session goes on.
    Say(&'static [u8]),
    /// The server sends this line, unless it is empty, and closes the connection.
    HangUp(&'static str),
    /// The server sends a reply without an end.
    Endless,
}

/// A fault that a test has asked for.
pub(super) struct Order {
    step: Step,
    fault: StepFault,
    left: usize,
    /// On which connections, by their number from 1.
    wanted: Box<dyn Fn(usize) -> bool + Send>,
}

impl SmtpServer {
    /// The next `times` times that a connection comes to this step, this happens.
    pub fn fail_step(&self, step: Step, fault: StepFault, times: usize) {
        self.fail_step_on(step, fault, times, |_| true);
    }

    /// The same on `wanted` connections only. They are numbered from 1.
    pub fn fail_step_on(
        &self,
        step: Step,
        fault: StepFault,
        times: usize,
        wanted: impl Fn(usize) -> bool + Send + 'static,
    ) {
        let order = Order { step, fault, left: times, wanted: Box::new(wanted) };
        lock(&self.shared.step_faults).push(order);
    }

    /// Removes the faults of all steps.
    pub fn clear_step_faults(&self) {
        lock(&self.shared.step_faults).clear();
    }

    /// Sends this line on each connection without a command, and closes the connections.
    pub fn send_unsolicited_and_hang_up(&self, line: &str) {
        for mut socket in lock(&self.shared.sockets).values() {
            // Either fails when the client has closed the connection before.
            drop(socket.write_all(format!("{line}\r\n").as_bytes()));
            drop(socket.shutdown(Shutdown::Write));
        }
    }
}

impl Shared {
    /// The fault for this step of this connection, if there is one. `open` is the number of open connections when this
    /// one was made. Counts the fault down by one.
    pub(super) fn take_step_fault(&self, step: Step, connection: usize, open: usize) -> Option<StepFault> {
        if let Some((most, its_step, fault)) = self.settings().most_connections
            && its_step == step
            && open > most
        {
            self.log().refusals.push(Instant::now());
            return Some(fault);
        }
        let mut orders = lock(&self.step_faults);
        let fits = |order: &&mut Order| order.step == step && order.left > 0 && (order.wanted)(connection);
        let order = orders.iter_mut().find(fits)?;
        order.left -= 1;
        Some(order.fault)
    }
}

impl StepFault {
    /// The reply to the body, as a client sees it that has sent the dot and reads as much as it can.
    pub(super) fn body_reply(self) -> BodyReply {
        match self {
            Self::Say([b'4' | b'5', ..]) => BodyReply::Refused,
            Self::HangUp(line) if line.starts_with(['4', '5']) => BodyReply::Refused,
            Self::Say(text) if text.starts_with(b"250") => BodyReply::Accepted,
            Self::Say(_) | Self::HangUp(_) | Self::Endless => BodyReply::None,
        }
    }
}
