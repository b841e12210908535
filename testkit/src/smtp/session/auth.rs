//! AUTH with PLAIN or LOGIN (RFC 4954).

use std::io;

use mail_parser::decoders::base64::base64_decode;

use crate::smtp::session::{Next, Session};

impl Session {
    pub(super) fn auth(&mut self, command: &str) -> io::Result<Next> {
        let Some((user, password)) = self.shared.capabilities.credentials.clone() else {
            self.out_of_order("AUTH, which is not offered");
            return Ok(Next::Continue);
        };
        if !self.greeted || self.authenticated || self.transaction.is_some() {
            self.out_of_order("AUTH out of order");
            return Ok(Next::Continue);
        }
        let mut words = command.split(' ').skip(1);
        let given = match (words.next().map(str::to_ascii_uppercase).as_deref(), words.next()) {
            (Some("PLAIN"), Some(initial)) => decode(initial),
            (Some("PLAIN"), None) => self.challenge("")?,
            (Some("LOGIN"), None) => {
                let name = self.challenge("VXNlcm5hbWU6")?;
                let word = self.challenge("UGFzc3dvcmQ6")?;
                [b"\0", name.as_slice(), b"\0", word.as_slice()].concat()
            }
            _ => {
                self.connection.reply("504 5.5.4 Unrecognized authentication type");
                return Ok(Next::Continue);
            }
        };
        if let Some(refusal) = self.shared.settings().auth_refusal.clone() {
            self.connection.reply(&refusal);
        } else if given == format!("\0{user}\0{password}").into_bytes() {
            self.authenticated = true;
            self.connection.reply("235 2.7.0 Authentication successful");
        } else {
            self.connection.reply("535 5.7.8 Authentication credentials invalid");
        }
        Ok(Next::Continue)
    }

    fn challenge(&mut self, text: &str) -> io::Result<Vec<u8>> {
        self.connection.reply(&format!("334 {text}"));
        let line = self.connection.read_line()?;
        Ok(decode(&self.text(&line, 12_288)))
    }
}

fn decode(text: &str) -> Vec<u8> {
    base64_decode(text.as_bytes()).unwrap_or_default()
}
