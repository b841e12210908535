//! STARTTLS (RFC 3207), and what must not be said in plain text where TLS is to be had.

use std::io;

use super::{Next, Session};
use crate::smtp::Tls;

/// How many lines are kept to be looked at.
const KEPT: usize = 100;

impl Session {
    /// Whether EHLO offers STARTTLS.
    pub(super) fn offers_starttls(&self) -> bool {
        matches!(self.shared.capabilities.tls, Some((Tls::StartTls, _))) && !self.connection.is_encrypted()
    }

    /// Notes a line that everybody on the way could read.
    pub(super) fn overhear(&self, line: &[u8]) {
        let mut log = self.shared.log();
        if !self.connection.is_encrypted() && log.plain_text.len() < KEPT {
            log.plain_text.push(String::from_utf8_lossy(line).into_owned());
        }
    }

    /// Refuses what has to wait for TLS; `false` where it does not.
    pub(super) fn refuses_plain_text(&mut self, verb: &str) -> bool {
        if !self.offers_starttls() || matches!(verb, "EHLO" | "STARTTLS" | "NOOP" | "QUIT") {
            return false;
        }
        self.violation(&format!("{verb} in plain text"));
        self.connection.reply("530 5.7.0 Must issue a STARTTLS command first");
        true
    }

    pub(super) fn starttls(&mut self) -> io::Result<Next> {
        if !self.offers_starttls() || !self.greeted {
            self.out_of_order("STARTTLS, which is not offered");
            return Ok(Next::Go);
        }
        self.connection.reply("220 2.0.0 Ready to start TLS");
        if let Some(injected) = self.shared.settings().injected.clone() {
            self.connection.reply(&injected);
        }
        self.shared.encrypt(&mut self.connection)?;
        // Nothing that was said before counts.
        self.greeted = false;
        Ok(Next::Go)
    }
}
