//! Bounces that are no delivery status notification: those of qmail, of old Exims and of servers of their own. Only who sends them and
//! what they say shows that they are bounces. Whose mail came back, the address that they went to says.

use crate::bounces::mime::Entity;
use crate::bounces::report::{Bounce, Report};

/// Most bytes of the text that are looked at.
const MAX: usize = 16 * 1024;

/// Before these lines comes what the server says, and behind them the mail that it returns.
const RETURNED: [&str; 8] = [
    "--- below this line is a copy of the message",
    "--- enclosed are the original headers",
    "------ this is a copy of your message",
    "------ this is a copy of the message",
    "----- original message",
    "----- message header",
    "--- the header of the original message",
    "unsent message below",
];

/// Says that a mail is tried further.
const WARNINGS: [&str; 7] = [
    "warning message only",
    "will be tried again",
    "will be retried",
    "delivery attempts will continue",
    "you do not need to resend",
    "message delayed",
    "delivery delayed",
];

/// What a server says of a mail that it gave up.
const GIVEN_UP: [&str; 14] = [
    "could not be delivered",
    "couldn't be delivered",
    "cannot be delivered",
    "wasn't able to deliver",
    "was not able to deliver",
    "undeliverable",
    "undelivered",
    "delivery failed",
    "delivery failure",
    "delivery to the following",
    "delivery has failed",
    "permanent error",
    "permanent fatal errors",
    "returned mail",
];

/// What such a mail is: a mail server has sent it, and it names failed recipients, or says that it has given up or tries further.
pub fn read(mail: &Entity<'_>, parts: &[Entity<'_>]) -> Option<Report> {
    let failed = mail.field("x-failed-recipients").is_some();
    if !failed && !is_from_server(mail) {
        return None;
    }
    let text = words(mail, parts);
    let all = format!("{}\n{}", mail.subject(), text).to_lowercase();
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| all.contains(phrase));
    if says(&WARNINGS) {
        return Some(Report::Notice);
    }
    (failed || says(&GIVEN_UP)).then(|| Report::Bounce(Bounce::new(None, text)))
}

/// Whether a mail server has sent it: the empty sender alone is also that of an absence (RFC 3834 section 3.3).
fn is_from_server(mail: &Entity<'_>) -> bool {
    let from = mail.field("from").unwrap_or_default().to_ascii_lowercase();
    let servers = ["mailer-daemon", "mailerdaemon", "postmaster", "mail delivery s", "mail-daemon", "mmdf@"];
    servers.iter().any(|name| from.contains(name))
}

/// What the server says, without the mail that it returns: that one may have any words.
fn words(mail: &Entity<'_>, parts: &[Entity<'_>]) -> String {
    let part = if parts.is_empty() {
        Some(mail)
    } else {
        parts.iter().find(|part| part.media_type().starts_with("text/"))
    };
    let text = part.map(|part| part.text(MAX)).unwrap_or_default();
    let lower = text.to_ascii_lowercase();
    let end = RETURNED.iter().filter_map(|line| lower.find(line)).min().unwrap_or(text.len());
    text[..end].to_owned()
}
