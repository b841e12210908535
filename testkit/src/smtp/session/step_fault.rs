//! Carries out the faults that a test has asked for at a step.

use std::io;

use crate::smtp::gate::Point;
use crate::smtp::session::{Next, Session};
use crate::smtp::step_fault::{Step, StepFault};

impl Session {
    /// Holds the client at the gate, or carries out the fault for this command instead of the usual reply.
    pub(super) fn fault_at(&mut self, verb: &str) -> io::Result<Option<Next>> {
        let (point, step) = match verb {
            "EHLO" => (None, Step::Ehlo),
            "AUTH" => (None, Step::Auth),
            "MAIL" => (Some(Point::Mail), Step::Mail),
            "RCPT" => (Some(Point::Rcpt), Step::Rcpt),
            "DATA" => (None, Step::Data),
            _ => return Ok(None),
        };
        if let Some(point) = point {
            self.shared.gate.pass(point, &mut self.connection)?;
        }
        let Some(fault) = self.take_step_fault(step) else {
            return Ok(None);
        };
        if let (Step::Rcpt, Some(transaction)) = (step, &mut self.transaction) {
            transaction.refused = true;
        }
        self.apply(fault).map(Some)
    }

    /// Sends the greeting, or carries out the fault for it.
    pub(super) fn greet(&mut self) -> io::Result<Next> {
        self.shared.gate.pass(Point::Greeting, &mut self.connection)?;
        let settings = self.shared.settings().clone();
        if let Some(fault) = self.take_step_fault(Step::Greeting) {
            return self.apply(fault);
        }
        if let Some(greeting) = settings.greeting {
            self.connection.reply(&greeting);
            return Ok(Next::HangUp);
        }
        self.connection.reply("220 relay.test ESMTP");
        Ok(Next::Continue)
    }

    /// The fault for this step, if there is one.
    pub(super) fn take_step_fault(&self, step: Step) -> Option<StepFault> {
        // A body that gets its reply is counted already.
        let mails = self.mails - usize::from(step == Step::Dot);
        if let Some((most, its_step, fault)) = self.shared.settings().mails_per_connection
            && its_step == step
            && mails >= most
        {
            return Some(fault);
        }
        self.shared.take_step_fault(step, self.number, self.open)
    }

    pub(super) fn apply(&mut self, fault: StepFault) -> io::Result<Next> {
        match fault {
            StepFault::Say(bytes) => {
                self.connection.reply(bytes);
                Ok(Next::Continue)
            }
            StepFault::HangUp(line) => {
                if !line.is_empty() {
                    self.connection.reply(line);
                }
                Ok(Next::HangUp)
            }
            StepFault::Endless => loop {
                self.connection.reply(&format!("250-{}", "and so on ".repeat(50)));
                self.connection.flush()?;
            },
        }
    }
}
