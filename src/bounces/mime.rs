//! A mail and its parts, one level at a time: mail-parser reads headers and codes, and what is inside a part is looked at only by who
//! wants it. So a mail of a million parts within each other costs what one of three costs, and nothing recurses.

use std::borrow::Cow;

use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{HeaderName, Message, MessageParser, MimeHeaders as _};
use memchr::memmem;

/// Most parts of one multipart that are looked at: a report has three.
const MAX_PARTS: usize = 20;

/// Most bytes of the headers of one part that are looked at.
pub const MAX_HEADERS: usize = 64 * 1024;

/// Header fields, and what follows them.
pub struct Entity<'a> {
    headers: Option<Message<'a>>,
    /// The header fields as they are.
    pub head: &'a [u8],
    body: &'a [u8],
}

impl<'a> Entity<'a> {
    /// Reads a whole mail, or a part of one.
    pub fn new(raw: &'a [u8]) -> Self {
        let (head, body) = split_head(raw);
        let head = &head[..head.len().min(MAX_HEADERS)];
        Self { headers: MessageParser::default().parse_headers(head), head, body }
    }

    /// `type/subtype`, in small letters. Without one it is text (RFC 2045 section 5.2).
    pub fn media_type(&self) -> String {
        let found = self.headers.as_ref().and_then(|headers| headers.content_type());
        let Some(found) = found else { return "text/plain".to_owned() };
        format!("{}/{}", found.ctype(), found.subtype().unwrap_or_default()).to_ascii_lowercase()
    }

    /// A parameter of the media type, in small letters.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let found = self.headers.as_ref()?.content_type()?.attribute(name)?;
        Some(found.trim().to_ascii_lowercase())
    }

    /// The values of all fields with this name, without folding.
    pub fn fields(&self, name: &str) -> Vec<String> {
        fields_of(self.head)
            .filter(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .collect()
    }

    /// The first of them.
    pub fn field(&self, name: &str) -> Option<String> {
        fields_of(self.head).find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The subject, decoded.
    pub fn subject(&self) -> &str {
        self.headers.as_ref().and_then(Message::subject).unwrap_or_default()
    }

    /// The parts of a multipart; none of any other one, and of one without a boundary.
    pub fn parts(&self) -> Vec<Entity<'a>> {
        let multipart = self.headers.as_ref().and_then(|headers| headers.content_type());
        let boundary = multipart
            .filter(|found| found.ctype().eq_ignore_ascii_case("multipart"))
            .and_then(|found| found.attribute("boundary"))
            .filter(|boundary| !boundary.is_empty());
        boundary.map(|boundary| split_parts(self.body, boundary)).unwrap_or_default()
    }

    /// What it contains, decoded.
    pub fn content(&self) -> Cow<'a, [u8]> {
        let encoding =
            self.headers.as_ref().and_then(|headers| headers.header(HeaderName::ContentTransferEncoding));
        let encoding =
            encoding.and_then(|value| value.as_text()).map(|encoding| encoding.trim().to_ascii_lowercase());
        let decoded = match encoding.as_deref() {
            Some("base64") => base64_decode(self.body),
            Some("quoted-printable") => quoted_printable_decode(self.body),
            _ => None,
        };
        decoded.map_or(Cow::Borrowed(self.body), Cow::Owned)
    }

    /// The same as text, with at most `max` bytes.
    pub fn text(&self, max: usize) -> String {
        let content = self.content();
        String::from_utf8_lossy(&content[..content.len().min(max)]).into_owned()
    }
}

/// The fields of a header, or of a group of fields in a report, unfolded. What is no field is left out.
pub fn fields_of(head: &[u8]) -> impl Iterator<Item = (String, String)> {
    let text = String::from_utf8_lossy(head);
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        match lines.last_mut() {
            Some(last) if line.starts_with([' ', '\t']) => {
                last.push(' ');
                last.push_str(line.trim());
            }
            _ => lines.push(line.trim_end().to_owned()),
        }
    }
    lines.into_iter().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        let name = name.trim_end();
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
        is_name.then(|| (name.to_owned(), value.trim().to_owned()))
    })
}

/// Header and body, which the first empty line separates. Without one, all is header.
fn split_head(raw: &[u8]) -> (&[u8], &[u8]) {
    if let Some(body) = raw.strip_prefix(b"\r\n").or_else(|| raw.strip_prefix(b"\n")) {
        return (&[], body);
    }
    for at in memchr::memchr_iter(b'\n', raw) {
        let rest = &raw[at + 1..];
        if let Some(body) = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")) {
            return (&raw[..=at], body);
        }
    }
    (raw, &[])
}

/// The parts between the lines `--boundary`. The last one may lack its end.
fn split_parts<'a>(body: &'a [u8], boundary: &str) -> Vec<Entity<'a>> {
    let delimiter = format!("--{boundary}");
    let begins_line = |at: &usize| *at == 0 || body[at - 1] == b'\n';
    let starts = memmem::find_iter(body, delimiter.as_bytes()).filter(begins_line).take(MAX_PARTS + 1);
    let starts: Vec<usize> = starts.collect();
    let mut parts = Vec::new();
    for (index, start) in starts.iter().enumerate() {
        let rest = &body[start + delimiter.len()..];
        if rest.starts_with(b"--") || parts.len() == MAX_PARTS {
            break;
        }
        let end = starts.get(index + 1).map_or(body.len(), |next| *next);
        let line_end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        let begin = (start + delimiter.len() + line_end).min(end);
        parts.push(Entity::new(&body[begin..end]));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &[u8] = b"From: a@example.org\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nX-Folded: one\r\n\ttwo\r\nContent-Type: \
        multipart/report;\r\n report-type=Delivery-Status; boundary=\"b\"\r\n\r\npreamble\r\n--b\r\n\r\nText\r\n--b\r\n\
        Content-Type: message/delivery-status\r\nContent-Transfer-Encoding: base64\r\n\r\nQWN0aW9uOiBmYWlsZWQ=\r\n--b--\r\n--b\r\n\r\nno part\r\n";

    #[test]
    fn a_mail_is_read_one_level_at_a_time() {
        let mail = Entity::new(REPORT);
        assert_eq!((mail.media_type().as_str(), mail.subject()), ("multipart/report", "Grüße"));
        assert_eq!(mail.parameter("report-type").as_deref(), Some("delivery-status"));
        assert_eq!(mail.field("x-folded").as_deref(), Some("one two"));
        let parts = mail.parts();
        let types: Vec<String> = parts.iter().map(Entity::media_type).collect();
        assert_eq!(types, ["text/plain", "message/delivery-status"]);
        assert_eq!((parts[0].text(3).as_str(), parts[1].text(99).as_str()), ("Tex", "Action: failed"));
        assert!(parts[0].parts().is_empty());
    }

    #[test]
    fn line_ends_may_be_those_of_a_mailbox() {
        let unix = String::from_utf8(REPORT.to_vec()).unwrap().replace("\r\n", "\n");
        assert_eq!(Entity::new(unix.as_bytes()).parts().len(), 2);
    }

    #[test]
    fn hostile_mails_are_read_as_far_as_they_go() {
        for raw in [
            &b""[..],
            b"\n",
            b"no header",
            b"Content-Type: multipart/mixed\n\n--b\n",
            b"Content-Type: multipart/mixed; boundary=\n\n--\n",
            b"Content-Type: multipart/mixed; boundary=b\n\n--b",
            b"Content-Type: multipart/mixed; boundary=b\n\n--b\n--b--",
            b"\0\0\0\n\n\xff",
            b": no name\n: x\n\n",
        ] {
            let mail = Entity::new(raw);
            mail.parts().iter().for_each(|part| drop((part.media_type(), part.text(10), part.parts().len())));
        }
        let deep = "Content-Type: message/rfc822\n\n".repeat(200_000);
        assert_eq!(Entity::new(deep.as_bytes()).media_type(), "message/rfc822");
        let many = format!("Content-Type: multipart/mixed; boundary=b\n\n{}", "--b\n\nx\n".repeat(100_000));
        assert_eq!(Entity::new(many.as_bytes()).parts().len(), MAX_PARTS);
        let endless = "X: y\n".repeat(1_000_000);
        assert_eq!(Entity::new(endless.as_bytes()).head.len(), MAX_HEADERS);
    }
}
