//! `Subject:` and `Date:`, encoded so that mail clients show the text as it was given. Addresses are left to `mailbox`.

use chrono::{DateTime, Utc};
use email_encoding::headers::{rfc2047, writer::EmailWriter};
use lettre::message::header::{Date, Header, HeaderValue, Headers, Subject};

/// Longest word of a subject that lettre may leave as it is, in bytes: `Subject: ` and the word are a line of 76 bytes.
const PLAIN_WORD_MAX: usize = 67;

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

/// `Subject:`, encoded so that mail clients show exactly `text`. Text that looks like an encoded word (RFC 2047) is
/// plain ASCII to lettre, and mail clients would decode it: a title could show line breaks, or text that reads
/// backwards. A word that no line has room for is encoded, too.
fn subject(text: String) -> HeaderValue {
    let has_room = |word: &str| word.len() <= PLAIN_WORD_MAX;
    if !text.contains("=?") && text.split(' ').all(has_room) {
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
