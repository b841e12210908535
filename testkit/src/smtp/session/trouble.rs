//! Where the conversation takes another turn than it should, because a trouble was ordered.

use std::io;

use super::{Next, Session};
use crate::smtp::gate::Point;
use crate::smtp::trouble::{Step, Trouble};

impl Session {
    /// Holds the client, or does what was ordered for this command instead of the usual.
    pub(super) fn troubled(&mut self, verb: &str) -> io::Result<Option<Next>> {
        let (point, step) = match verb {
            "EHLO" => (None, Step::Ehlo),
            "AUTH" => (None, Step::Auth),
            "MAIL" => (Some(Point::Mail), Step::Mail),
            "RCPT" => (Some(Point::Rcpt), Step::Rcpt),
            "DATA" => (None, Step::Data),
            _ => return Ok(None),
        };
        if let Some(point) = point {
            self.shared.gate.pass(point, &mut self.wire)?;
        }
        let Some(trouble) = self.shared.take_trouble(step, self.number, self.open) else {
            return Ok(None);
        };
        if let (Step::Rcpt, Some(transaction)) = (step, &mut self.transaction) {
            transaction.refused = true;
        }
        self.make(trouble).map(Some)
    }

    /// The greeting, or what was ordered instead of it.
    pub(super) fn greet(&mut self) -> io::Result<Next> {
        self.shared.gate.pass(Point::Greeting, &mut self.wire)?;
        let orders = self.shared.orders().clone();
        if let Some(trouble) = self.shared.take_trouble(Step::Greeting, self.number, self.open) {
            return self.make(trouble);
        }
        if let Some(greeting) = orders.greeting {
            self.wire.reply(&greeting);
            return Ok(Next::HangUp);
        }
        self.wire.reply("220 relay.test ESMTP");
        Ok(Next::Go)
    }

    pub(super) fn make(&mut self, trouble: Trouble) -> io::Result<Next> {
        match trouble {
            Trouble::Say(bytes) => {
                self.wire.reply(bytes);
                Ok(Next::Go)
            }
            Trouble::HangUp(line) => {
                if !line.is_empty() {
                    self.wire.reply(line);
                }
                Ok(Next::HangUp)
            }
            Trouble::Endless => loop {
                self.wire.reply(&format!("250-{}", "and so on ".repeat(50)));
                self.wire.flush()?;
            },
        }
    }
}
