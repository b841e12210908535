//! From DATA to the reply to the dot.

use std::io::{self, ErrorKind};
use std::time::Instant;

use crate::smtp::RecipientFault;
use crate::smtp::gate::Point;
use crate::smtp::log::{BodyReply, ReceivedMail, header};
use crate::smtp::mail_files::write_files;
use crate::smtp::session::{LONGEST_LINE, Next, Session, Transaction};
use crate::smtp::step_fault::Step;

impl Session {
    pub(super) fn data(&mut self) -> io::Result<Next> {
        let (sender, recipient, eight_bit) = match &self.transaction {
            None => {
                self.connection.reply("503 5.5.1 MAIL first");
                return Ok(Next::Continue);
            }
            Some(Transaction { wants_body: true, .. }) => {
                self.connection.reply("354 Go ahead");
                // A correct client never sends this body.
                self.read_body(true)?;
                self.violation("a body without a recipient");
                return Ok(Next::HangUp);
            }
            Some(Transaction { recipient: None, refused, .. }) => {
                if !refused {
                    self.violation("DATA without RCPT");
                }
                self.connection.reply("554 5.5.1 No valid recipients");
                return Ok(Next::Continue);
            }
            Some(Transaction { sender, recipient: Some(recipient), eight_bit, .. }) => {
                (sender.clone(), recipient.clone(), *eight_bit)
            }
        };
        if let Some(refusal) = self.shared.policy_reply(Step::Data, &recipient) {
            self.connection.reply(refusal);
            return Ok(Next::Continue);
        }
        let drops = self.shared.take_fault(&recipient, |fault| match fault {
            RecipientFault::DropAtData | RecipientFault::DropInBody => Some(fault.clone()),
            _ => None,
        });
        if matches!(drops, Some(RecipientFault::DropAtData)) {
            return Err(ErrorKind::ConnectionAborted.into());
        }
        self.shared.gate.pass(Point::BeforeBody, &mut self.connection)?;
        self.connection.receive_available()?;
        if self.connection.has_unread() {
            self.violation("data before the 354");
        }
        self.connection.reply("354 Go ahead");
        if drops.is_some() {
            self.connection.read_line()?;
            return Err(ErrorKind::ConnectionAborted.into());
        }
        let raw = self.read_body(eight_bit)?;
        self.transaction = None;
        self.mails += 1;
        self.answer(sender, recipient, raw)
    }

    /// Reads up to the final dot and unstuffs the dots (RFC 5321 section 4.5.2).
    pub(super) fn read_body(&mut self, eight_bit: bool) -> io::Result<Vec<u8>> {
        let mut raw = Vec::new();
        let mut ascii = true;
        loop {
            let line = self.connection.read_line()?;
            if line == b".\r\n" {
                break;
            }
            self.text(&line, LONGEST_LINE);
            ascii &= line.is_ascii();
            let plain = match line.strip_prefix(b".") {
                Some(rest) if rest.first() == Some(&b'.') => rest,
                Some(_) => {
                    self.violation("a line of the body begins with a dot that is not stuffed");
                    &line
                }
                None => &line,
            };
            raw.extend_from_slice(plain);
        }
        if !ascii && !eight_bit {
            self.violation("8-bit data without BODY=8BITMIME");
        }
        Ok(raw)
    }

    fn answer(&mut self, sender: String, recipient: String, mut raw: Vec<u8>) -> io::Result<Next> {
        let (at, message_id) = (Instant::now(), header(&raw, "Message-ID"));
        let (folder, discards_bodies) = {
            let settings = self.shared.settings();
            (settings.folder.clone(), settings.discards_bodies)
        };
        if let Some(folder) = folder {
            write_files(&folder, &raw);
        }
        if discards_bodies {
            raw.clear();
        }
        let fault = self.shared.take_fault(&recipient, |fault| match fault {
            RecipientFault::Dot(_) | RecipientFault::LateReply(_) | RecipientFault::DropAfterDot => {
                Some(fault.clone())
            }
            _ => None,
        });
        let fault =
            fault.or_else(|| self.shared.policy_reply(Step::Dot, &recipient).map(RecipientFault::Dot));
        let step_fault = self.take_step_fault(Step::Dot);
        let reply = match (step_fault, &fault) {
            (Some(step_fault), _) => step_fault.body_reply(),
            (None, Some(RecipientFault::Dot(_))) => BodyReply::Refused,
            (None, _) => BodyReply::None,
        };
        let index = self.shared.record(ReceivedMail {
            message_id,
            sender,
            recipient,
            at,
            raw: raw.into(),
            answer: if reply == BodyReply::Refused { reply } else { BodyReply::None },
        });
        if let Some(step_fault) = step_fault {
            if reply == BodyReply::Accepted {
                self.shared.set_accepted(index, true);
            }
            return self.apply(step_fault);
        }
        match fault {
            Some(RecipientFault::Dot(reply)) => self.connection.reply(reply),
            Some(RecipientFault::LateReply(time)) => {
                self.connection.wait(time)?;
                self.accept(index)?;
            }
            Some(_) => return Err(ErrorKind::ConnectionAborted.into()),
            None => self.accept(index)?,
        }
        Ok(Next::Continue)
    }

    /// Replies with 250.
    fn accept(&mut self, index: usize) -> io::Result<()> {
        self.shared.gate.pass(Point::BeforeReply, &mut self.connection)?;
        self.connection.reply("250 2.0.0 Queued");
        // Before the reply is sent: a test that sees the mail in the ledger finds it here, too.
        self.shared.set_accepted(index, true);
        let sent = self.connection.flush();
        if sent.is_err() {
            self.shared.set_accepted(index, false);
        }
        sent
    }
}
