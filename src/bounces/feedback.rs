//! Complaints: feedback reports (ARF, RFC 5965).

use crate::bounces::mime::{Entity, fields_of};
use crate::bounces::report::Report;
use crate::text::clean::cut;
use crate::text::mask::masked_line;

/// Most bytes that are read of the fields.
const MAX: usize = 16 * 1024;

/// Most characters of a type that are kept.
const TYPE_MAX: usize = 32;

/// Reads the part `message/feedback-report`. `not-spam` takes a complaint back (RFC 6430), and the types for reports of authentication
/// (RFC 6591) are about no mail that a person has got.
pub fn read(part: &Entity<'_>) -> Report {
    let text = part.text(MAX);
    let mut fields = fields_of(text.as_bytes());
    let of_type = fields.find(|(name, _)| name.eq_ignore_ascii_case("feedback-type"));
    let Some((_, kind)) = of_type else { return Report::Other };
    // It is logged and kept: what stands there may be an address.
    let kind = cut(masked_line(&kind.to_ascii_lowercase()), TYPE_MAX);
    // A database with an encoding such as LATIN1 refuses characters that it does not have.
    let kind = kind.replace(|c: char| !c.is_ascii(), "?");
    match kind.as_str() {
        "not-spam" | "auth-failure" => Report::Notice,
        _ => Report::Complaint(kind),
    }
}

/// The envelope sender that a feedback report names, or that the mail has which it returns: it went to the address of the feedback
/// loop, and not to that of the mail.
pub fn original_sender(mail: &Entity<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for part in mail.parts() {
        let wanted = match part.media_type().as_str() {
            "message/feedback-report" => "original-mail-from",
            "message/rfc822" | "text/rfc822-headers" | "message/rfc822-headers" | "message/global" => {
                "return-path"
            }
            _ => continue,
        };
        let text = part.text(MAX);
        let mut fields = fields_of(text.as_bytes());
        found.extend(fields.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value));
    }
    found
}
