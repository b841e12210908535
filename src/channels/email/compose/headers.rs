//! Headers with names, addresses and free text, encoded so that mail clients show the text as it was given.

use std::fmt::Write;

use chrono::{DateTime, Utc};
use email_encoding::headers::{quoted_string, rfc2047, writer::EmailWriter};
use lettre::message::header::{Date, Header, HeaderValue, Headers, Subject};

use crate::text::clean::{cut, one_line};

/// Longest display name, in characters. A header line may have 998 bytes (RFC 5322 section 2.1.1), and a single word
/// cannot be folded.
pub(crate) const NAME_MAX: usize = 100;

/// `Subject:` and `Date:`, kept until the subject or the second changes: consecutive mails mostly share them, and lettre
/// takes 9,000 instructions to encode them.
#[derive(Debug, Clone, Default)]
pub(crate) struct SharedHeaders {
    subject: String,
    second: i64,
    lines: String,
}

impl SharedHeaders {
    /// The two header lines.
    pub fn lines_for(&mut self, subject: String, date: DateTime<Utc>) -> &str {
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

/// A header with one address and its display name. Writes what lettre writes, which makes three copies of each.
pub(crate) fn mailbox(header: &str, name: &str, address: &str) -> String {
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

/// `Subject:`, encoded so that mail clients show exactly `text`. Text that looks like an encoded word (RFC 2047) is
/// plain ASCII to lettre, and mail clients would decode it: a title could show line breaks, or text that reads
/// backwards. Display names need no such care: lettre encodes every name with a `?`.
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
