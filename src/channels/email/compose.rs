//! Composes a mail from its content: headers, multipart/alternative, Message-ID; with a calendar entry also an attachment. Refuses an
//! invalid address and composes everything else, whatever the data. How texts are rendered is left to `content`.

pub(crate) mod calendar;
pub(crate) mod encoding;
pub mod envelope_sender;
pub(crate) mod headers;
pub(crate) mod line_counts;
pub(crate) mod mailbox;
pub mod notification_headers;
pub(crate) mod part;
pub mod unsubscribe_links;
pub mod wire_format;

use std::iter;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::channels::email::compose::calendar::{CalendarEncoder, EncodedCalendar};
use crate::channels::email::compose::headers::SharedHeaders;
use crate::channels::email::compose::mailbox::{address_alone, mailbox};
use crate::channels::email::compose::notification_headers::NotificationHeaders;
use crate::channels::email::compose::part::{EncodedPart, PartEncoder};
use crate::channels::email::compose::unsubscribe_links::UnsubscribeLinks;
use crate::channels::email::compose::wire_format::DotStuffed;
use crate::channels::email::mail::Mail;
use crate::config::email::EmailConfig;
use crate::config::email::reach::Reach;
use crate::domain::address::{self, AddressError};
use crate::domain::address_hash::AddressHash;
use crate::domain::content::{Content, MediaType};
use crate::domain::ids::NotificationId;
use crate::domain::installation::Installation;
use crate::domain::mail_id::MailId;
use crate::domain::outcome::Verdict;
use crate::domain::participant::Participant;

/// Longest header line, in bytes.
const LINE_MAX: usize = 76;

/// How the boundary of a mail with a calendar entry begins, in the place of `=_`. Neither of the two begins with the other: a reader
/// compares only the beginning of a line (RFC 2046 section 5.1.1).
const OUTER: &str = "=_m.";

/// Bytes of a mail in addition to its parts, estimated.
const OVERHEAD: usize = 2048;

/// Composes mails from one sender. Each lane has its own.
#[derive(Debug, Clone)]
pub struct Composer {
    /// That of mails whose envelope sender does not tell whose they are.
    envelope_from: Arc<str>,
    /// `From:`, and `Reply-To:` where it is configured.
    senders: String,
    tag: String,
    /// The domain of the sender.
    domain: String,
    /// What a Message-ID ends with.
    suffix: String,
    /// The same for notifications up to `untagged_up_to`.
    untagged_suffix: String,
    untagged_up_to: NotificationId,
    shared: SharedHeaders,
    reach: Reach,
    parts: PartEncoder,
    calendar: CalendarEncoder,
    links: Option<UnsubscribeLinks>,
    /// Whether Postmark's reports are taken.
    tells_postmark: bool,
}

impl Composer {
    /// A composer for the configured sender, whose address the configuration has checked. The tag of the
    /// installation is part of the Message-IDs.
    #[must_use]
    pub fn new(config: &EmailConfig, installation: &Installation) -> Self {
        let (_, domain) = config.from_email.rsplit_once('@').unwrap_or(("", "localhost"));
        let mut senders = mailbox("From", &config.from_name, &config.from_email);
        if let Some(reply_to) = &config.reply_to {
            senders.push('\n');
            senders.push_str(&mailbox("Reply-To", "", reply_to));
        }
        Self {
            envelope_from: config.return_address().into(),
            senders,
            tag: installation.tag.clone(),
            domain: domain.to_owned(),
            suffix: format!(".{}@{domain}>", installation.tag),
            untagged_suffix: format!("@{domain}>"),
            untagged_up_to: installation.untagged_up_to,
            shared: SharedHeaders::default(),
            reach: config.reach.clone(),
            parts: PartEncoder::default(),
            calendar: CalendarEncoder::new(&config.from_name, &config.from_email, &installation.tag),
            links: None,
            tells_postmark: !config.webhooks.postmark_secrets.is_empty(),
        }
    }

    /// The same, whose mails have these links that unsubscribe.
    #[must_use]
    pub fn with_links(self, links: Option<UnsubscribeLinks>) -> Self {
        Self { links, ..self }
    }

    /// Where a mail to `address` goes: there, or to `EMAIL_REDIRECT_TO`.
    #[must_use]
    pub fn destination<'a>(&'a self, address: &'a str) -> &'a str {
        self.reach.redirect_to.as_deref().unwrap_or(address)
    }

    /// The link that unsubscribes the address with this hash from such mails. Their content shows it.
    #[must_use]
    pub fn unsubscribe_link(
        &self,
        notification: &NotificationHeaders,
        participant: &Participant,
        address: Option<AddressHash>,
    ) -> Option<String> {
        self.links.as_ref()?.link(notification.kind, notification.event_id, participant, address)
    }

    /// The address of a participant who may get mails. An invalid one is left to [`Self::compose`].
    ///
    /// # Errors
    /// Why this participant gets none: there is no address, or `EMAIL_ALLOW_DOMAINS` leaves its domain out.
    pub fn address_of<'a>(&self, participant: &'a Participant) -> Result<&'a str, &'static str> {
        let address = participant.email.as_deref().ok_or(Verdict::NO_ADDRESS)?;
        let is_excluded = !self.reach.allow_domains.is_empty()
            && address::parse(address).is_ok_and(|address| !self.reach.allows(address.domain()));
        if is_excluded { Err(Verdict::NOT_ALLOWED) } else { Ok(address) }
    }

    /// Composes the mail of a notification to `participant` at `address`, dated `date`. The same arguments give the
    /// same bytes. With `EMAIL_REDIRECT_TO` it goes to that address, and a header says whose it is.
    ///
    /// The mail is ASCII with lines of at most 76 bytes wherever a line can be broken. Only the address in `To:` may
    /// be other than ASCII, before its `@` (RFC 6532).
    ///
    /// # Errors
    /// When `address` is invalid.
    pub fn compose(
        &mut self,
        notification: &NotificationHeaders,
        participant: &Participant,
        address: &str,
        content: Content,
        date: DateTime<Utc>,
    ) -> Result<Mail, AddressError> {
        let own = address::parse(address)?.to_string();
        let (to, redirected_from) = match &self.reach.redirect_to {
            None => (own, None),
            Some(address) => (address.clone(), Some(own)),
        };
        let id = MailId { notification_id: notification.id, participant_id: participant.id };
        let key = id.to_string();
        let tagged = notification.id > self.untagged_up_to;
        let suffix = if tagged { &self.suffix } else { &self.untagged_suffix };
        let message_id = format!("<{key}{suffix}");
        let encode = |part| self.parts.encode(notification.id, &content.language, part);
        let parts: Vec<EncodedPart> = content.parts.into_iter().map(encode).collect();
        let boundary = boundary(&key, &parts);
        let calendar = content
            .calendar
            .as_ref()
            .map(|entry| self.calendar.encode(entry, notification.id, [&participant.name, &to], date));

        let length: usize = parts.iter().map(|part| part.text.len()).sum();
        let length = length + calendar.as_ref().map_or(0, EncodedCalendar::bytes);
        let mut mail = DotStuffed::with_capacity(length * 9 / 8 + OVERHEAD);
        mail.lines(&self.senders);
        mail.lines(&mailbox("To", &participant.name, &to));
        if let Some(address) = redirected_from {
            mail.lines(&address_alone("X-Original-Recipient", &address));
        }
        mail.lines(self.shared.lines_for(content.subject, date));
        mail.line_of(&["Message-ID: ", &message_id]);
        if self.tells_postmark {
            // Postmark has Message-IDs of its own, and returns this in its reports. Its limit is 80 characters.
            mail.line_of(&["X-PM-Metadata-fanmail: ", &key, ".", &self.tag]);
        }
        let of_notification = notification.encoded(&self.tag, &self.domain);
        mail.lines(&of_notification.thread_lines(participant, &self.suffix));
        mail.lines(&of_notification.lines);
        if let Some(url) = &content.unsubscribe_url {
            mail.lines(&unsubscribe_links::header_lines(url));
        }
        mail.line_of(&["Content-Language: ", &content.language]);
        mail.line("MIME-Version: 1.0");
        // Outlook looks for a calendar entry in the first part only, so that is the alternatives.
        let outer = calendar.as_ref().map(|_| boundary.replacen("=_", OUTER, 1));
        if let Some(outer) = &outer {
            append_type("mixed", outer, &mut mail);
            mail.line_of(&["--", outer]);
        }
        append_type("alternative", &boundary, &mut mail);
        for part in &parts {
            part.append(&boundary, &mut mail);
        }
        if let Some(calendar) = &calendar {
            calendar.append_alternative(&boundary, &mut mail);
        }
        mail.line_of(&["--", &boundary, "--"]);
        if let (Some(calendar), Some(outer)) = (&calendar, &outer) {
            calendar.append_attachment(outer, &mut mail);
            mail.line_of(&["--", outer, "--"]);
        }
        let (contents, size) = mail.finish();
        let html = parts.into_iter().find(|part| part.media_type == MediaType::Html);
        let html = html.map(|part| part.text).unwrap_or_default();
        Ok(Mail {
            notification_id: notification.id,
            envelope_from: Arc::clone(&self.envelope_from),
            to,
            message_id,
            data: contents,
            size,
            html,
        })
    }
}

/// Appends the header of a multipart, and the end of the headers.
fn append_type(subtype: &str, boundary: &str, mail: &mut DotStuffed) {
    let start = "Content-Type: multipart/";
    let length = start.len() + subtype.len() + "; boundary=\"\"".len() + boundary.len();
    if length > LINE_MAX {
        mail.line_of(&[start, subtype, ";"]);
        mail.line_of(&[" boundary=\"", boundary, "\""]);
    } else {
        mail.line_of(&[start, subtype, "; boundary=\"", boundary, "\""]);
    }
    mail.line("");
}

/// A boundary that is the same on every attempt and that no part contains, also not as [`OUTER`], whatever the description of the event
/// says.
fn boundary(key: &str, parts: &[EncodedPart]) -> String {
    let is_taken = |id: &String| parts.iter().any(|part| part.contains(id));
    let numbered = (1_u32..).map(|number| format!("{key}_{number}"));
    let id = iter::once(key.to_owned()).chain(numbered).find(|id| !is_taken(id));
    format!("=_{}", id.as_deref().unwrap_or(key))
}

#[cfg(test)]
mod tests;
