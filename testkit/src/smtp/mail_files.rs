//! Mails as files: the whole mail, and of its parts the HTML, the plain text and the calendar entry, for a browser and other readers.

use std::fs;
use std::path::Path;

use mail_parser::{MessageParser, MimeHeaders as _};

use crate::smtp::log::header;

/// Writes `n1.p2.eml` for a mail with the Message-ID `<n1.p2@example.org>`, and `n1.p2.html`, `.txt` and `.ics` as far as the mail has such
/// parts. The `.eml` comes last: where that is, the others are.
pub fn write_files(folder: &Path, raw: &[u8]) {
    let message_id = header(raw, "Message-ID");
    let id = message_id.trim_start_matches('<').split('@').next().unwrap_or_default();
    let name: String = id
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' })
        .collect();
    let write = |extension: &str, content: &[u8]| {
        fs::write(folder.join(format!("{name}.{extension}")), content).unwrap();
    };
    let mail = MessageParser::default().parse(raw).unwrap();
    if let Some(html) = mail.body_html(0) {
        write("html", html.as_bytes());
    }
    if let Some(text) = mail.body_text(0) {
        write("txt", text.as_bytes());
    }
    let entry = mail.parts.iter().find(|part| {
        part.content_type()
            .is_some_and(|found| found.ctype() == "text" && found.subtype() == Some("calendar"))
    });
    if let Some(entry) = entry {
        write("ics", entry.contents());
    }
    write("eml", raw);
}
