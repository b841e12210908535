//! Which fields of a header are signed (RFC 6376 section 5.4), and of which names a relay can add no further one (section 8.15).

use crate::channels::email::dkim::canonical::append_relaxed_field;

/// Whether a name is listed once more than the header has it. Then a further field of this name breaks the signature.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Further {
    Breaks,
    /// Relays add such fields, or programs for lists do.
    Allowed,
}

/// The fields that are signed: what readers see, what mail programs and filters act on. Not those that servers add on the way.
const SIGNED: [(&str, Further); 21] = [
    ("From", Further::Breaks),
    ("Reply-To", Further::Breaks),
    ("To", Further::Breaks),
    ("Cc", Further::Breaks),
    ("Subject", Further::Breaks),
    ("Date", Further::Breaks),
    ("Message-ID", Further::Breaks),
    ("In-Reply-To", Further::Breaks),
    ("References", Further::Breaks),
    ("MIME-Version", Further::Breaks),
    ("Content-Type", Further::Breaks),
    ("Content-Transfer-Encoding", Further::Breaks),
    ("Content-Disposition", Further::Breaks),
    ("List-Unsubscribe", Further::Breaks),
    ("List-Unsubscribe-Post", Further::Breaks),
    ("List-Id", Further::Allowed),
    ("Feedback-ID", Further::Allowed),
    ("Auto-Submitted", Further::Allowed),
    ("X-Auto-Response-Suppress", Further::Allowed),
    ("Content-Language", Further::Allowed),
    ("X-Original-Recipient", Further::Allowed),
];

/// The fields of one header that are signed, in the order in which they are hashed.
pub(super) struct SignedFields<'a> {
    /// Their names, as the tag `h=` lists them: also those that are not there.
    pub names: Vec<&'static str>,
    fields: Vec<&'a str>,
}

impl<'a> SignedFields<'a> {
    /// Those of a header, which has no line end at its end.
    pub fn of(header: &'a str) -> Self {
        let all: Vec<(&str, &str)> = fields(header).collect();
        let mut signed =
            Self { names: Vec::with_capacity(2 * SIGNED.len()), fields: Vec::with_capacity(all.len()) };
        for (name, further) in SIGNED {
            // From the last one of a name to the first (RFC 6376 section 5.4.2).
            let of_name = all.iter().rev().filter(|(known, _)| known.eq_ignore_ascii_case(name));
            for (_, field) in of_name {
                signed.names.push(name);
                signed.fields.push(field);
            }
            if further == Further::Breaks {
                signed.names.push(name);
            }
        }
        signed
    }

    /// Appends what is hashed of them.
    pub fn append_relaxed(&self, canonical: &mut Vec<u8>) {
        for field in &self.fields {
            append_relaxed_field(field, canonical);
            canonical.extend_from_slice(b"\r\n");
        }
    }
}

/// Names and whole texts of the fields, without the line ends behind them.
fn fields(header: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = header;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (field, more) = split_field(rest);
        rest = more;
        Some((field.split_once(':').map_or(field, |(name, _)| name), field))
    })
}

/// The first field, and what follows behind its line end. A line that begins with white space continues the field before it (RFC 5322
/// section 2.2.3).
fn split_field(header: &str) -> (&str, &str) {
    let bytes = header.as_bytes();
    let is_end = |&at: &usize| !matches!(bytes.get(at + 1), Some(b' ' | b'\t'));
    let Some(end) = memchr::memchr_iter(b'\n', bytes).find(is_end) else { return (header, "") };
    (header[..end].strip_suffix('\r').unwrap_or(&header[..end]), &header[end + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_has_its_folded_lines() {
        let header = "From: a\r\n b\r\n\tc\r\nTO:d\r\nX: y";
        let found: Vec<_> = fields(header).collect();
        assert_eq!(found, [("From", "From: a\r\n b\r\n\tc"), ("TO", "TO:d"), ("X", "X: y")]);
    }

    #[test]
    fn each_name_is_listed_as_often_as_it_is_there_and_most_once_more() {
        let signed = SignedFields::of("to: 1\r\nFrom: 2\r\nReceived: 3\r\nTo: 4\r\nList-Id: 5");
        let count = |name| signed.names.iter().filter(|known| **known == name).count();
        assert_eq!(
            ["From", "To", "Subject", "List-Id", "Feedback-ID", "Received"].map(count),
            [2, 3, 1, 1, 0, 0]
        );
        let mut canonical = Vec::new();
        signed.append_relaxed(&mut canonical);
        assert_eq!(String::from_utf8(canonical).unwrap(), "from:2\r\nto:4\r\nto:1\r\nlist-id:5\r\n");
    }
}
