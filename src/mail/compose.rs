//! Making a mail out of a render: headers, multipart/alternative, encodings. Refuses an address that no mail can be
//! sent to; everything else can be composed, whatever the data.

use chrono::{DateTime, Utc};
use email_encoding::headers::{rfc2047, writer::EmailWriter};
use lettre::Address;
use lettre::message::header::{
    ContentType, Date, From, Header, HeaderName, HeaderValue, Headers, MIME_VERSION_1_0, Subject, To,
};
use lettre::message::{Mailbox, Mailboxes, MultiPart, SinglePart};

use super::{Mail, address};
use crate::config::EmailConfig;
use crate::domain::participant::Participant;
use crate::domain::render::Render;
use crate::domain::text::{cut, one_line};

/// Longest display name, in characters: a line of a header ends at 998 bytes whatever it holds (RFC 5322 section
/// 2.1.1), and one word cannot be folded.
const NAME_MAX: usize = 100;

/// Composes mails from one sender.
#[derive(Debug, Clone)]
pub struct Composer {
    from: HeaderValue,
    auto_submitted: HeaderValue,
    domain: String,
}

/// An address that no mail can be sent to: local and permanent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadAddress(pub String);

impl Composer {
    /// A composer for the configured sender, whose address the configuration has checked.
    #[must_use]
    pub fn new(config: &EmailConfig) -> Self {
        let (user, domain) = config.from_email.rsplit_once('@').unwrap_or((&config.from_email, "localhost"));
        let sender = mailbox(&config.from_name, Address::new_dangerous(user, domain));
        Self {
            from: From::from(Mailboxes::from(sender)).display(),
            auto_submitted: HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ),
            domain: domain.to_owned(),
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
        &self,
        notification_id: i64,
        participant: &Participant,
        address: &str,
        render: Render,
        date: DateTime<Utc>,
    ) -> Result<Mail, BadAddress> {
        let render = Render { html: lines(render.html), text: lines(render.text), ..render };
        let address = address::parse(address)?;
        let to = address.to_string();
        let key = format!("n{notification_id}.p{}", participant.id);
        let message_id = format!("<{key}@{}>", self.domain);
        let boundary = boundary(&key, &render);

        // Lettre's `Message::builder` reads its own headers back to make an envelope; these need no reading back.
        let mut headers = Headers::with_capacity(7);
        headers.insert_raw(self.from.clone());
        headers.set(To::from(Mailboxes::from(mailbox(&participant.name, address))));
        headers.insert_raw(subject(render.subject));
        headers.set(Date::new(date.into()));
        headers.insert_raw(HeaderValue::dangerous_new_pre_encoded(
            HeaderName::new_from_ascii_str("Message-ID"),
            message_id.clone(),
            message_id.clone(),
        ));
        // RFC 3834: nobody's out-of-office answers this.
        headers.insert_raw(self.auto_submitted.clone());
        headers.set(MIME_VERSION_1_0);
        let body = MultiPart::alternative()
            .boundary(boundary)
            .singlepart(part(ContentType::TEXT_PLAIN, render.text))
            .singlepart(part(ContentType::TEXT_HTML, render.html.clone()));

        let mut content = headers.to_string();
        match String::from_utf8(body.formatted()) {
            Ok(body) => content.push_str(&body),
            // Encoded parts are ASCII, so this does not happen; a mark in the text would be better than a panic.
            Err(error) => content.push_str(&String::from_utf8_lossy(error.as_bytes())),
        }
        Ok(Mail { to, message_id, content, html: render.html })
    }
}

fn mailbox(name: &str, address: Address) -> Mailbox {
    let name = cut(one_line(name), NAME_MAX);
    Mailbox::new((!name.is_empty()).then_some(name), address)
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

/// `text` without control characters other than tabs, every line break a `\n`: a template can hold a bare CR or a NUL,
/// neither of which can travel (RFC 5322 sections 2.1, 2.3). Most have nothing to mend and cost no copy.
fn lines(text: String) -> String {
    let mend = |c: u8| c < b' ' && c != b'\n' && c != b'\t' || c == 0x7f;
    // Looking at all is quicker than stopping at the first.
    if !text.bytes().fold(false, |found, c| found | mend(c)) {
        return text;
    }
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.chars().filter(|&c| !u8::try_from(c).is_ok_and(mend)).collect()
}

fn part(content_type: ContentType, body: String) -> SinglePart {
    SinglePart::builder().header(content_type).body(body)
}

/// A boundary that is the same on every attempt and stands in neither part, whatever somebody wrote into the
/// description. No encoded part can hold `=_` (RFC 2045 section 6.7), but a part of plain ASCII is not encoded.
fn boundary(key: &str, render: &Render) -> String {
    let mut boundary = format!("=_{key}");
    let mut number = 0_u32;
    while render.text.contains(&boundary) || render.html.contains(&boundary) {
        number += 1;
        boundary = format!("=_{key}_{number}");
    }
    boundary
}

#[cfg(test)]
mod tests;
