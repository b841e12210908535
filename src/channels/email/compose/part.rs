//! The parts of a mail, encoded, most lines of them only once: what is personal about the mails of a notification are some lines of
//! hundreds. A part is compared with the first one like it, line by line. How a text is encoded is left to `encoding`.

use std::sync::Arc;

use memchr::memmem;

use crate::channels::email::compose::encoding::{Encoding, lines, sanitized};
use crate::channels::email::compose::line_counts::LineCounts;
use crate::channels::email::compose::wire_format::{DotStuffed, Position};
use crate::domain::content::{ContentPart, MediaType};
use crate::domain::ids::NotificationId;

/// So many parts are kept: lanes send mails of several notifications and languages in turn.
const KEPT: usize = 8;

/// One part of a mail, ready to be written.
pub(crate) struct EncodedPart {
    /// Its format.
    pub media_type: MediaType,
    /// The text before it is encoded, without control characters other than tabs and `\n`.
    pub text: String,
    encoding: Encoding,
    /// Most of its lines, encoded already.
    repeated: Option<Repeated>,
}

/// Encodes the parts of mails. Each lane has its own.
#[derive(Debug, Clone, Default)]
pub(crate) struct PartEncoder {
    /// The newest first.
    kept: Vec<Kept>,
}

/// A part that others are compared with.
#[derive(Debug, Clone)]
struct Kept {
    alike: Alike,
    text: String,
    /// Made with the second part like it: many notifications have a single mail.
    lines: Option<Arc<EncodedLines>>,
}

/// What parts have in common whose lines are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Alike {
    notification_id: NotificationId,
    language: Arc<str>,
    media_type: MediaType,
    lines: usize,
}

/// The lines of a part, encoded one by one.
#[derive(Debug)]
struct EncodedLines {
    lines: Vec<EncodedLine>,
    counts: LineCounts,
    encoded: DotStuffed,
}

#[derive(Debug)]
struct EncodedLine {
    counts: LineCounts,
    /// Where its encoded form begins and ends.
    from: Position,
    to: Position,
}

/// The lines of an earlier part, and in which places this one has others.
struct Repeated {
    lines: Arc<EncodedLines>,
    others: Vec<usize>,
}

impl PartEncoder {
    /// Encodes a part of a mail of this notification in this language.
    pub fn encode(
        &mut self,
        notification_id: NotificationId,
        language: &Arc<str>,
        part: ContentPart,
    ) -> EncodedPart {
        let (media_type, text) = (part.media_type, sanitized(part.text));
        let alike = Alike {
            notification_id,
            language: Arc::clone(language),
            media_type,
            lines: lines(&text).count(),
        };
        let (encoding, repeated) = if let Some(kept) = self.kept.iter_mut().find(|kept| kept.alike == alike) {
            kept.encode(&text)
        } else {
            self.kept.truncate(KEPT - 1);
            self.kept.insert(0, Kept { alike, text: text.clone(), lines: None });
            (Encoding::of(&text), None)
        };
        EncodedPart { media_type, text, encoding, repeated }
    }
}

impl Kept {
    /// The encoding of `text`, which has as many lines, and what it repeats.
    fn encode(&mut self, text: &str) -> (Encoding, Option<Repeated>) {
        let lines_of_kept = self.lines.get_or_insert_with(|| Arc::new(EncodedLines::of(&self.text)));
        let (mut counts, mut others) = (lines_of_kept.counts, Vec::new());
        let pairs = lines(text).zip(lines(&self.text)).zip(&lines_of_kept.lines);
        for (number, ((line, kept), encoded)) in pairs.enumerate() {
            if line != kept {
                counts = counts.without(encoded.counts).with(LineCounts::of_line(line));
                others.push(number);
            }
        }
        let encoding = counts.encoding();
        // Base64 knows no lines.
        let repeats = encoding != Encoding::Base64 && encoding == lines_of_kept.counts.encoding();
        let repeated = repeats.then(|| Repeated { lines: Arc::clone(lines_of_kept), others });
        (encoding, repeated)
    }
}

impl EncodedLines {
    fn of(text: &str) -> Self {
        let encoding = Encoding::of(text);
        let (mut encoded, mut counts) = (DotStuffed::default(), LineCounts::default());
        let encode = |line| {
            let (of_line, from) = (LineCounts::of_line(line), encoded.position());
            counts = counts.with(of_line);
            encoding.append(line, &mut encoded);
            EncodedLine { counts: of_line, from, to: encoded.position() }
        };
        let lines = lines(text).map(encode).collect();
        Self { lines, counts, encoded }
    }
}

impl EncodedPart {
    /// Whether a line of the encoded part might be taken for a boundary with this id behind its `=_`. No other encoding than 7bit can
    /// hold `=_` (RFC 2045 section 6.7).
    pub fn contains(&self, id: &str) -> bool {
        self.encoding == Encoding::SevenBit && memmem::find(self.text.as_bytes(), id.as_bytes()).is_some()
    }

    /// Appends the boundary in front of the part, its headers and its encoded text.
    pub fn append(&self, boundary: &str, mail: &mut DotStuffed) {
        mail.line_of(&["--", boundary]);
        mail.line_of(&["Content-Type: ", self.media_type.as_str(), "; charset=utf-8"]);
        mail.line_of(&["Content-Transfer-Encoding: ", self.encoding.name()]);
        mail.line("");
        match &self.repeated {
            Some(repeated) => self.append_repeated(repeated, mail),
            None => self.encoding.append(&self.text, mail),
        }
    }

    fn append_repeated(&self, Repeated { lines: repeated, others }: &Repeated, mail: &mut DotStuffed) {
        let EncodedLines { lines: encoded_lines, encoded, .. } = &**repeated;
        let (mut own, mut number, mut from) = (lines(&self.text), 0, Position::default());
        for &other in others {
            let Some(line) = own.nth(other - number) else { break };
            mail.extend_between(encoded, from, encoded_lines[other].from);
            self.encoding.append(line, mail);
            (number, from) = (other + 1, encoded_lines[other].to);
        }
        mail.extend_between(encoded, from, encoded.position());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(encoder: &mut PartEncoder, notification: i64, text: &str) -> EncodedPart {
        let part = ContentPart { media_type: MediaType::Html, text: text.to_owned() };
        encoder.encode(NotificationId(notification), &"en".into(), part)
    }

    fn written(part: &EncodedPart) -> (String, usize) {
        let mut mail = DotStuffed::default();
        part.append("b", &mut mail);
        mail.finish()
    }

    #[test]
    fn the_second_mail_takes_the_lines_that_it_shares_with_the_first() {
        let mut encoder = PartEncoder::default();
        let text = |name: &str| format!(".a\nGrüße, {name}\n.b\n{}", "c = d\n".repeat(50));
        assert!(encode(&mut encoder, 1, &text("Ada")).repeated.is_none());
        let others = |part: EncodedPart| part.repeated.map(|repeated| repeated.others);
        assert_eq!(others(encode(&mut encoder, 1, &text("Bob"))), Some(vec![1]));
        assert_eq!(others(encode(&mut encoder, 1, &text("Ada"))), Some(vec![]));
        // Of another notification, of another number of lines, and in an encoding without lines.
        assert!(encode(&mut encoder, 2, &text("Bob")).repeated.is_none());
        assert!(encode(&mut encoder, 1, &text("Bob\nEve")).repeated.is_none());
        assert!(encode(&mut encoder, 1, &text(&"漢".repeat(500))).repeated.is_none());
        assert!(encode(&mut encoder, 1, &text("Eve")).repeated.is_some());
    }

    #[test]
    fn a_bounded_number_of_parts_is_kept() {
        let mut encoder = PartEncoder::default();
        (0..100).for_each(|notification| drop(encode(&mut encoder, notification, "a\n")));
        assert_eq!(encoder.kept.len(), KEPT);
    }

    proptest! {
        #[test]
        fn a_part_is_written_alike_whatever_came_before(
            lines in prop::collection::vec("[.]?[ -~]{0,90}|[.=\t ü漢]{0,20}", 1..20),
            others in prop::collection::vec((0..20_usize, "[.]?[ -~]{0,90}|[.=\t ü漢]{0,20}"), 0..4),
        ) {
            let mut changed = lines.clone();
            let count = changed.len();
            for (at, line) in others {
                changed[at % count] = line;
            }
            let mut encoder = PartEncoder::default();
            for lines in [&lines, &changed, &lines, &changed] {
                let text = lines.join("\n");
                let alone = encode(&mut PartEncoder::default(), 1, &text);
                prop_assert_eq!(written(&encode(&mut encoder, 1, &text)), written(&alone));
            }
        }
    }
}
