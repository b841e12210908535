//! STARTTLS (RFC 3207), and the commands that must not be sent in plain text when TLS is available.

use std::io;

use crate::smtp::session::{Next, Session};
use crate::smtp::stream::Tls;

/// Largest number of recorded lines.
const MAX_LINES: usize = 100;

impl Session {
    /// Whether EHLO offers STARTTLS.
    pub(super) fn offers_starttls(&self) -> bool {
        matches!(self.shared.capabilities.tls, Some((Tls::StartTls, _))) && !self.connection.is_encrypted()
    }

    /// Records a line that came in plain text.
    pub(super) fn record_plain_text(&self, line: &[u8]) {
        let mut log = self.shared.log();
        if !self.connection.is_encrypted() && log.plain_text.len() < MAX_LINES {
            log.plain_text.push(String::from_utf8_lossy(line).into_owned());
        }
    }

    /// Refuses a command that needs TLS first. Returns `false` when the command needs none.
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
            return Ok(Next::Continue);
        }
        self.connection.reply("220 2.0.0 Ready to start TLS");
        if let Some(injected) = self.shared.settings().injected.clone() {
            self.connection.reply(&injected);
        }
        self.shared.encrypt(&mut self.connection)?;
        // The session starts anew after TLS (RFC 3207 section 4.2).
        self.greeted = false;
        Ok(Next::Continue)
    }
}
