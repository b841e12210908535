//! The calendar entry of a mail (RFC 6047): adds sender and recipient to it, and encodes it. What it says of the event is left to
//! `content`.
//!
//! It is looked for among the alternatives, by Outlook in the first part of a mail only (MS-STANOICAL, on RFC 6047 section 2.4); what
//! follows as an attachment is for everyone else, and for a calendar on another device. Both are the same bytes, encoded once.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::channels::email::compose::encoding::{Encoding, append_base64};
use crate::channels::email::compose::mailbox::NAME_MAX;
use crate::channels::email::compose::notification_headers::event_label;
use crate::channels::email::compose::wire_format::DotStuffed;
use crate::content::calendar::content_lines::{ContentLines, date_time, quoted};
use crate::content::rich_text::target::mailto;
use crate::domain::calendar_entry::CalendarEntry;
use crate::domain::ids::{EventId, NotificationId};
use crate::text::clean::{cut, one_line};

/// So many entries are kept encoded: lanes send mails of several notifications in turn.
const KEPT: usize = 8;

/// Bytes on a line of base64.
const BASE64_LINE: usize = 57;

/// Completes and encodes the calendar entries of one sender. Each lane has its own.
#[derive(Debug, Clone)]
pub(crate) struct CalendarEncoder {
    /// What its `UID`s begin with.
    uid: String,
    /// `ORGANIZER`: from anyone but the sender of the mail, calendars should not take a change (RFC 6047 section 2.2.1).
    organizer: String,
    /// The shared lines of the newest entries, encoded.
    kept: Vec<Shared>,
}

/// The lines that the entries of all recipients of a notification share, encoded.
#[derive(Debug, Clone)]
struct Shared {
    entry: Arc<CalendarEntry>,
    notification_id: NotificationId,
    /// The encoding that they need by themselves.
    needed: Encoding,
    /// The encoding that they have, because of what follows.
    encoding: Encoding,
    encoded: DotStuffed,
    /// What fills no line of base64: it is encoded with the lines that follow.
    rest: Vec<u8>,
}

/// The calendar entry of one mail, encoded.
pub(crate) struct EncodedCalendar<'a> {
    method: &'static str,
    shared: &'a Shared,
    own: DotStuffed,
}

impl CalendarEncoder {
    /// For this sender, in the installation with this tag.
    pub fn new(from_name: &str, from_email: &str, tag: &str) -> Self {
        Self {
            uid: format!("UID:fanmail-{tag}-"),
            organizer: person("ORGANIZER", from_name, "", from_email),
            kept: Vec::new(),
        }
    }

    /// The entry for the recipient with this name and address, in a mail of this date.
    pub fn encode(
        &mut self,
        entry: &Arc<CalendarEntry>,
        notification_id: NotificationId,
        [name, address]: [&str; 2],
        date: DateTime<Utc>,
    ) -> EncodedCalendar<'_> {
        let mut own = ContentLines::default();
        own.line(&["DTSTAMP:", &date_time(date.naive_utc()), "Z"]);
        if entry.method.has_attendee() {
            own.line(&[&person("ATTENDEE", name, ";PARTSTAT=ACCEPTED;RSVP=FALSE", address)]);
        }
        own.line(&["END:VEVENT"]);
        own.line(&["END:VCALENDAR"]);
        let own = own.finish();
        let shared = self.shared(entry, notification_id, encoding_of(&own));
        EncodedCalendar { method: entry.method.as_str(), own: shared.encode_behind(&own), shared }
    }

    /// The shared lines of an entry, encoded so that lines of their own which would be sent as `own` can follow. The same for the same
    /// arguments, also after others.
    fn shared(
        &mut self,
        entry: &Arc<CalendarEntry>,
        notification_id: NotificationId,
        own: Encoding,
    ) -> &Shared {
        let is_it = |shared: &Shared| {
            Arc::ptr_eq(&shared.entry, entry)
                && shared.notification_id == notification_id
                && shared.encoding == own.max(shared.needed)
        };
        let place = self.kept.iter().position(is_it).unwrap_or_else(|| {
            let more = self.lines_of_notification(entry.event_id, notification_id);
            self.kept.truncate(KEPT - 1);
            self.kept.insert(0, Shared::new(Arc::clone(entry), notification_id, &more, own));
            0
        });
        &self.kept[place]
    }

    /// What is added to the entries of all recipients of a notification.
    fn lines_of_notification(&self, event_id: EventId, notification_id: NotificationId) -> String {
        let mut lines = ContentLines::default();
        lines.line(&[&self.uid, &event_label(event_id)]);
        lines.line(&["SEQUENCE:", &notification_id.sequence().to_string()]);
        lines.line(&[&self.organizer]);
        lines.finish()
    }
}

impl Shared {
    fn new(entry: Arc<CalendarEntry>, notification_id: NotificationId, more: &str, own: Encoding) -> Self {
        let needed = encoding_of(&entry.lines).max(encoding_of(more));
        let encoding = needed.max(own);
        let lines = [&entry.lines, more].concat();
        let (mut encoded, mut rest) = (DotStuffed::default(), Vec::new());
        if encoding == Encoding::Base64 {
            let bytes = lines.replace('\n', "\r\n");
            let (whole, begun) = bytes.as_bytes().split_at(bytes.len() / BASE64_LINE * BASE64_LINE);
            append_base64(whole, &mut encoded);
            rest.extend_from_slice(begun);
        } else {
            encoding.append(lines.trim_end_matches('\n'), &mut encoded);
        }
        Self { entry, notification_id, needed, encoding, encoded, rest }
    }

    fn encode_behind(&self, own: &str) -> DotStuffed {
        let mut encoded = DotStuffed::default();
        if self.encoding == Encoding::Base64 {
            append_base64(&[&self.rest, own.replace('\n', "\r\n").as_bytes()].concat(), &mut encoded);
        } else {
            self.encoding.append(own, &mut encoded);
        }
        encoded
    }
}

impl EncodedCalendar<'_> {
    /// Bytes of it in a mail, about.
    pub fn bytes(&self) -> usize {
        2 * (self.shared.encoded.bytes() + self.own.bytes())
    }

    /// Appends it as the last one of the alternatives, with the boundary in front of it. The method is a parameter as well (RFC 6047
    /// section 2.4): without it, Outlook takes the entry for a file (MS-STANOICAL, on RFC 5545 section 3.7.2).
    pub fn append_alternative(&self, boundary: &str, mail: &mut DotStuffed) {
        mail.line_of(&["--", boundary]);
        mail.line_of(&["Content-Type: text/calendar; charset=utf-8; method=", self.method]);
        self.append(mail);
    }

    /// Appends it as a file, with the boundary in front of it. Its type is that of Google Calendar; a second
    /// `text/calendar` could be taken for a second entry.
    pub fn append_attachment(&self, boundary: &str, mail: &mut DotStuffed) {
        mail.line_of(&["--", boundary]);
        mail.line("Content-Type: application/ics; name=\"invite.ics\"");
        mail.line("Content-Disposition: attachment; filename=\"invite.ics\"");
        self.append(mail);
    }

    fn append(&self, mail: &mut DotStuffed) {
        mail.line_of(&["Content-Transfer-Encoding: ", self.shared.encoding.name()]);
        mail.line("");
        mail.extend(&self.shared.encoded);
        mail.extend(&self.own);
    }
}

/// Never 7bit for what could be taken for a boundary.
fn encoding_of(lines: &str) -> Encoding {
    match Encoding::of(lines) {
        Encoding::SevenBit if lines.contains("=_") => Encoding::QuotedPrintable,
        encoding => encoding,
    }
}

/// A line about a participant or the sender: `ATTENDEE;CN="Ann";…:mailto:ann@example.org`. Not folded.
fn person(property: &str, name: &str, parameters: &str, address: &str) -> String {
    let name = cut(one_line(name), NAME_MAX);
    let name = if name.is_empty() { String::new() } else { format!(";CN={}", quoted(&name)) };
    format!("{property}{name}{parameters}:{}", mailto(address))
}

#[cfg(test)]
mod tests;
