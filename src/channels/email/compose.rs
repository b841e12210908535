//! Making a mail out of a render: headers, multipart/alternative, encodings. Refuses an address that no mail can be
//! sent to; everything else can be composed, whatever the data.

use std::fmt::Write;

use chrono::{DateTime, Utc};
use email_encoding::headers::{quoted_string, rfc2047, writer::EmailWriter};
use lettre::message::header::{Date, Header, HeaderValue, Headers, Subject};
use memchr::memmem;

use crate::channels::email::compose::part::{Encoding, sanitized};
use crate::channels::email::compose::wire_format::DotStuffed;
use crate::channels::email::{Mail, address};
use crate::config::EmailConfig;
use crate::domain::content::Render;
use crate::domain::participant::Participant;
use crate::text::clean::{cut, one_line};

/// Longest display name, in characters: a line of a header ends at 998 bytes whatever it holds (RFC 5322 section
/// 2.1.1), and one word cannot be folded.
const NAME_MAX: usize = 100;

/// Longest boundary that fits on the line of its header, which has 76 bytes then.
const BOUNDARY_MAX: usize = 28;

/// Bytes of a mail beside its parts, more or less.
const OVERHEAD: usize = 2048;

/// Composes mails from one sender. A lane has one of its own.
#[derive(Debug, Clone)]
pub struct Composer {
    from: String,
    domain: String,
    shared: ComposerShared,
}

/// Headers that mails one after another have in common. lettre takes 9,000 instructions for them, so they are
/// kept until another subject or another second comes.
#[derive(Debug, Clone, Default)]
struct ComposerShared {
    subject: String,
    second: i64,
    lines: String,
}

/// An address that no mail can be sent to: local and permanent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadAddress(pub String);

impl Composer {
    /// A composer for the configured sender, whose address the configuration has checked.
    #[must_use]
    pub fn new(config: &EmailConfig) -> Self {
        let (_, domain) = config.from_email.rsplit_once('@').unwrap_or(("", "localhost"));
        Self {
            from: mailbox("From", &config.from_name, &config.from_email),
            domain: domain.to_owned(),
            shared: ComposerShared::default(),
        }
    }

    /// The mail of `notification_id` to `participant` at `address`, dated `date`. The same arguments make the same
    /// bytes.
    ///
    /// The content is ASCII with lines of at most 76 bytes wherever a line can be broken, except for the address
    /// in `To:` when its part before the `@` is not (RFC 6532).
    ///
    /// # Errors
    /// When `address` is not one that a mail can be sent to.
    pub fn compose(
        &mut self,
        notification_id: i64,
        participant: &Participant,
        address: &str,
        render: Render,
        date: DateTime<Utc>,
    ) -> Result<Mail, BadAddress> {
        let (text, html) = (sanitized(render.text), sanitized(render.html));
        let to = address::parse(address)?.to_string();
        let key = format!("n{notification_id}.p{}", participant.id);
        let message_id = format!("<{key}@{}>", self.domain);
        let parts = [("plain", Encoding::of(&text), &text), ("html", Encoding::of(&html), &html)];
        let boundary = boundary(&key, &parts);

        let mut mail = DotStuffed::with_capacity((text.len() + html.len()) * 9 / 8 + OVERHEAD);
        mail.lines(&self.from);
        mail.lines(&mailbox("To", &participant.name, &to));
        mail.lines(self.shared.with(render.subject, date));
        mail.lines(&format!(
            "Message-ID: {message_id}\n\
             Auto-Submitted: auto-generated\n\
             MIME-Version: 1.0\n\
             Content-Type: multipart/alternative;{}boundary=\"{boundary}\"\n\n",
            if boundary.len() > BOUNDARY_MAX { "\n " } else { " " }
        ));
        for (subtype, encoding, content) in parts {
            mail.lines(&format!(
                "--{boundary}\n\
                 Content-Type: text/{subtype}; charset=utf-8\n\
                 Content-Transfer-Encoding: {}\n\n",
                encoding.name()
            ));
            encoding.append(content, &mut mail);
        }
        mail.lines(&format!("--{boundary}--\n"));
        let (wire, size) = mail.finish();
        Ok(Mail { to, message_id, wire, size, html })
    }
}

impl ComposerShared {
    /// `Subject:` and `Date:`.
    fn with(&mut self, subject: String, date: DateTime<Utc>) -> &str {
        let second = date.timestamp();
        if self.lines.is_empty() || second != self.second || subject != self.subject {
            let mut headers = Headers::new();
            headers.insert_raw(self::subject(subject.clone()));
            headers.set(Date::new(date.into()));
            *self = Self { subject, second, lines: headers.to_string() };
        }
        &self.lines
    }
}

/// One address with its display name, as lettre writes it; its own way there costs three copies of each.
fn mailbox(header: &str, name: &str, address: &str) -> String {
    let name = cut(one_line(name), NAME_MAX);
    let mut line = format!("{header}: ");
    let length = line.len();
    let mut writer = EmailWriter::new(&mut line, length, 0, false);
    let written = if name.is_empty() {
        writer.write_str(address)
    } else {
        quoted_string::encode(&name, &mut writer).and_then(|()| {
            writer.space();
            write!(writer, "<{address}>")
        })
    };
    drop(writer);
    // Writing into memory cannot fail.
    if written.is_err() {
        line.clear();
    }
    line
}

/// `Subject:`, which shows `text` and nothing else. What looks like an encoded word (RFC 2047) is plain ASCII to
/// lettre, and mail clients would decode it: a title could show line breaks, or text that reads backwards. Names have
/// no need of this, as lettre encodes them for a `?` alone.
fn subject(text: String) -> HeaderValue {
    if !text.contains("=?") {
        return Subject::from(text).display();
    }
    let name = Subject::name();
    let mut encoded = String::with_capacity(2 * text.len());
    let mut writer = EmailWriter::new(&mut encoded, name.len() + ": ".len(), 0, false);
    let written = rfc2047::encode(&text, &mut writer);
    drop(writer);
    // Writing into memory cannot fail.
    if written.is_err() {
        encoded.clear();
    }
    HeaderValue::dangerous_new_pre_encoded(name, text, encoded)
}

/// A boundary that is the same on every attempt and stands in neither part, whatever somebody wrote into the
/// description. No encoded part can hold `=_` (RFC 2045 section 6.7), but a part of plain ASCII is not encoded.
fn boundary(key: &str, parts: &[(&str, Encoding, &String)]) -> String {
    let stands_in = |boundary: &str| {
        parts.iter().any(|(_, encoding, text)| {
            *encoding == Encoding::SevenBit && memmem::find(text.as_bytes(), boundary.as_bytes()).is_some()
        })
    };
    let mut boundary = format!("=_{key}");
    let mut number = 0_u32;
    while stands_in(&boundary) {
        number += 1;
        boundary = format!("=_{key}_{number}");
    }
    boundary
}

pub(crate) mod part;
#[cfg(test)]
mod tests;
pub mod wire_format;
