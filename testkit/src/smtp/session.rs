//! One SMTP session (RFC 5321, RFC 2920). It records what a client must not do, and fails where a test has asked
//! for it.

mod auth;
mod body;
mod step_fault;
mod tls;

use std::io;
use std::sync::Arc;

use crate::smtp::RecipientFault;
use crate::smtp::connection::Connection;
use crate::smtp::shared::{Serving, Shared};
use crate::smtp::step_fault::Step;

/// RFC 5321 section 4.5.3.1.4 and 4.5.3.1.6, without CRLF.
const LONGEST_COMMAND: usize = 510;
const LONGEST_LINE: usize = 998;

pub(super) struct Session {
    shared: Arc<Shared>,
    connection: Connection,
    number: usize,
    /// Number of connections in use when this one was made.
    open: usize,
    /// Until the client says QUIT: it may open another connection before this one is closed.
    serving: Option<Serving>,
    greeted: bool,
    authenticated: bool,
    mails: usize,
    transaction: Option<Transaction>,
}

#[derive(Default)]
struct Transaction {
    eight_bit: bool,
    sender: String,
    recipient: Option<String>,
    refused: bool,
    /// Whether the server asks for a body although it has refused the recipient.
    wants_body: bool,
}

/// What follows a command.
enum Next {
    Continue,
    HangUp,
}

impl Session {
    pub(super) fn new(shared: Arc<Shared>, connection: Connection, number: usize, serving: Serving) -> Self {
        Self {
            shared,
            connection,
            number,
            open: serving.count,
            serving: Some(serving),
            greeted: false,
            authenticated: false,
            mails: 0,
            transaction: None,
        }
    }

    /// Runs the session until either side closes the connection.
    pub(super) fn run(mut self) -> io::Result<()> {
        self.connection.receive_available()?;
        if self.connection.has_unread() {
            self.violation("the client talked before the greeting");
        }
        if let Next::HangUp = self.greet()? {
            return self.connection.hang_up();
        }
        loop {
            let line = self.connection.read_line()?;
            self.record_plain_text(&line);
            let command = self.text(&line, LONGEST_COMMAND);
            let verb: String = command
                .chars()
                .take_while(char::is_ascii_alphabetic)
                .collect::<String>()
                .to_ascii_uppercase();
            *self.shared.log().commands.entry(verb.clone()).or_default() += 1;
            self.check_group(&verb);
            match self.execute(&verb, &command)? {
                Next::Continue => {}
                Next::HangUp => return self.connection.hang_up(),
            }
        }
    }

    fn violation(&self, what: &str) {
        let text = format!("connection {}: {what}", self.number);
        self.shared.log().violations.push(text);
    }

    /// The line without its end.
    fn text(&self, line: &[u8], longest: usize) -> String {
        let Some(line) = line.strip_suffix(b"\r\n") else {
            self.violation("a line ends in a bare LF");
            return String::from_utf8_lossy(line).trim_end().to_owned();
        };
        if line.contains(&b'\r') || line.contains(&0) {
            self.violation("a bare CR or a NUL");
        }
        if line.len() > longest {
            self.violation(&format!("a line of {} octets", line.len()));
        }
        String::from_utf8_lossy(line).into_owned()
    }

    /// RFC 2920 section 3.1: which commands may be pipelined, and which end a group.
    fn check_group(&self, verb: &str) {
        if !self.connection.has_unread() {
            return;
        }
        if !self.shared.capabilities.pipelining {
            self.violation(&format!("{verb} was followed by more, and PIPELINING is not offered"));
        } else if !matches!(verb, "MAIL" | "RCPT" | "RSET") {
            self.violation(&format!("{verb} is not the last of its group"));
        }
    }

    fn execute(&mut self, verb: &str, command: &str) -> io::Result<Next> {
        if let Some(next) = self.fault_at(verb)? {
            return Ok(next);
        }
        match verb {
            _ if self.refuses_plain_text(verb) => {}
            "EHLO" => self.ehlo(command),
            // Postfix's smtp-source sends it, fanmail never does.
            "HELO" => {
                self.greeted = true;
                self.connection.reply("250 relay.test");
            }
            "STARTTLS" => return self.starttls(),
            "AUTH" => return self.auth(command),
            "MAIL" => return Ok(self.mail(command)),
            "RCPT" => return Ok(self.rcpt(command)),
            "DATA" => return self.data(),
            "RSET" => {
                self.transaction = None;
                self.connection.reply("250 2.0.0 OK");
            }
            "NOOP" => self.connection.reply("250 2.0.0 OK"),
            "QUIT" => {
                self.serving = None;
                self.connection.reply("221 2.0.0 Bye");
                return Ok(Next::HangUp);
            }
            _ => {
                self.violation(&format!("an unknown command {command:?}"));
                self.connection.reply("500 5.5.2 What?");
            }
        }
        Ok(Next::Continue)
    }

    fn out_of_order(&mut self, what: &str) {
        self.violation(what);
        self.connection.reply("503 5.5.1 Bad sequence of commands");
    }

    fn ehlo(&mut self, command: &str) {
        if command.len() <= "EHLO ".len() {
            self.violation("EHLO without a name");
        }
        self.greeted = true;
        self.transaction = None;
        let offer = &self.shared.capabilities;
        let mut lines = vec!["relay.test".to_owned(), "ENHANCEDSTATUSCODES".to_owned()];
        lines.extend(offer.pipelining.then(|| "PIPELINING".to_owned()));
        lines.extend(offer.eight_bit.then(|| "8BITMIME".to_owned()));
        lines.extend(offer.smtputf8.then(|| "SMTPUTF8".to_owned()));
        let starttls = self.offers_starttls();
        lines.extend(starttls.then(|| "STARTTLS".to_owned()));
        let auth = offer.credentials.is_some() && !starttls;
        lines.extend(auth.then(|| "AUTH PLAIN LOGIN".to_owned()));
        lines.push("SIZE 10485760".to_owned());
        let last = lines.len() - 1;
        for (n, line) in lines.iter().enumerate() {
            let mark = if n == last { ' ' } else { '-' };
            self.connection.reply(&format!("250{mark}{line}"));
        }
    }

    fn mail(&mut self, command: &str) -> Next {
        if !self.greeted || self.transaction.is_some() {
            self.out_of_order("MAIL before EHLO, or within a transaction");
        } else if self.shared.capabilities.credentials.is_some() && !self.authenticated {
            self.connection.reply("530 5.7.0 Authentication required");
        } else if let Some((sender, parameters)) = self.path(command, "MAIL FROM:<") {
            self.check_parameters(&parameters);
            if let Some(refusal) = self.shared.policy_reply(Step::Mail, "") {
                self.connection.reply(refusal);
                return Next::Continue;
            }
            self.transaction = Some(Transaction {
                eight_bit: parameters.contains("BODY=8BITMIME"),
                sender,
                ..Transaction::default()
            });
            self.connection.reply("250 2.1.0 OK");
        }
        Next::Continue
    }

    fn check_parameters(&self, parameters: &str) {
        let offer = &self.shared.capabilities;
        for parameter in parameters.split(' ').filter(|parameter| !parameter.is_empty()) {
            let fine = match parameter.split_once('=') {
                Some(("BODY", "8BITMIME")) => offer.eight_bit,
                Some(("SIZE", size)) => size.parse::<u64>().is_ok(),
                Some(("BODY", "7BIT")) => true,
                None => parameter == "SMTPUTF8" && offer.smtputf8,
                _ => false,
            };
            if !fine {
                self.violation(&format!("a parameter that is not offered: {parameter}"));
            }
        }
    }

    /// The address and the parameters of MAIL or RCPT. Sends the reply itself when the syntax is wrong.
    fn path(&mut self, command: &str, start: &str) -> Option<(String, String)> {
        let found = command
            .get(..start.len())
            .filter(|head| head.eq_ignore_ascii_case(start))
            .and_then(|_| command[start.len()..].split_once('>'))
            .map(|(address, rest)| (address.to_owned(), rest.to_owned()));
        let fine = |(address, rest): &(String, String)| {
            (rest.is_empty() || rest.starts_with(' ')) && !address.contains([' ', '<'])
        };
        if found.as_ref().is_some_and(fine) {
            return found;
        }
        self.violation(&format!("wrong syntax: {command:?}"));
        self.connection.reply("501 5.5.4 Syntax error");
        None
    }

    fn rcpt(&mut self, command: &str) -> Next {
        if self.transaction.is_none() {
            // Pipelined behind a refused MAIL (RFC 2920): no fault of the client.
            self.connection.reply("503 5.5.1 MAIL first");
            return Next::Continue;
        }
        let Some((recipient, _)) = self.path(command, "RCPT TO:<") else {
            return Next::Continue;
        };
        let fault = self.shared.take_fault(&recipient, |fault| match fault {
            RecipientFault::Rcpt(_) | RecipientFault::RcptThen354(_) | RecipientFault::RcptThenHangUp(_) => {
                Some(fault.clone())
            }
            _ => None,
        });
        let fault = fault.or_else(|| {
            let refusal = self.shared.policy_reply(Step::Rcpt, &recipient)?;
            Some(RecipientFault::Rcpt(refusal))
        });
        let transaction = self.transaction.get_or_insert_default();
        if let Some(
            RecipientFault::Rcpt(reply)
            | RecipientFault::RcptThen354(reply)
            | RecipientFault::RcptThenHangUp(reply),
        ) = fault
        {
            transaction.refused = true;
            transaction.wants_body = matches!(fault, Some(RecipientFault::RcptThen354(_)));
            self.connection.reply(reply);
            if let Some(RecipientFault::RcptThenHangUp(_)) = fault {
                return Next::HangUp;
            }
        } else if transaction.recipient.replace(recipient).is_some() {
            self.violation("more than one recipient for one mail");
            self.connection.reply("452 4.5.3 Too many recipients");
        } else {
            self.connection.reply("250 2.1.5 OK");
        }
        Next::Continue
    }
}
