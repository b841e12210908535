//! The parts of a mail, encoded, most lines of them only once: what is personal about the mails of a notification are some lines of
//! hundreds. A part is compared with the first one like it, and takes the encoded lines that it repeats. How a text is encoded is left
//! to `encoding`.

use std::ops::Range;
use std::sync::Arc;

use memchr::memmem;

use crate::channels::email::compose::encoding::{Encoding, lines, sanitized};
use crate::channels::email::compose::line_counts::LineCounts;
use crate::channels::email::compose::wire_format::{DotStuffed, Position};
use crate::domain::content::{ContentPart, MediaType};
use crate::domain::ids::NotificationId;

/// So many parts are kept: lanes send mails of several notifications and languages in turn.
const KEPT: usize = 8;

/// Parts with more lines of their own are not alike.
const OTHERS_MAX: usize = 16;

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

/// What parts have in common that are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Alike {
    notification_id: NotificationId,
    language: Arc<str>,
    media_type: MediaType,
    line_ends: usize,
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
    /// Where it begins in the text.
    start: usize,
    counts: LineCounts,
    /// Where its encoded form begins and ends.
    from: Position,
    to: Position,
}

/// The lines of an earlier part, and which of them this one has not.
struct Repeated {
    lines: Arc<EncodedLines>,
    others: Vec<OtherLine>,
}

/// A line that stands in the place of another one.
#[derive(Debug, PartialEq, Eq)]
struct OtherLine {
    number: usize,
    /// Its place in the text that it is in.
    place: Range<usize>,
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
        let line_ends = memchr::memchr_iter(b'\n', text.as_bytes()).count();
        let alike = Alike { notification_id, language: Arc::clone(language), media_type, line_ends };
        let mut kept = self.kept.iter_mut().filter(|kept| kept.alike == alike);
        let (encoding, repeated) = kept.find_map(|kept| kept.encode(&text)).unwrap_or_else(|| {
            self.kept.truncate(KEPT - 1);
            self.kept.insert(0, Kept { alike, text: text.clone(), lines: None });
            (Encoding::of(&text), None)
        });
        EncodedPart { media_type, text, encoding, repeated }
    }
}

impl Kept {
    /// The encoding of `text`, and what it repeats. `None` if its lines are not like those of the kept part.
    fn encode(&mut self, text: &str) -> Option<(Encoding, Option<Repeated>)> {
        let lines = self.lines.get_or_insert_with(|| Arc::new(EncodedLines::of(&self.text)));
        let others = lines.others(&self.text, text)?;
        let count = |counts: LineCounts, other: &OtherLine| {
            counts
                .without(lines.lines[other.number].counts)
                .with(LineCounts::of_line(&text[other.place.clone()]))
        };
        let encoding = others.iter().fold(lines.counts, count).encoding();
        // Base64 knows no lines.
        let repeats = encoding != Encoding::Base64 && encoding == lines.counts.encoding();
        Some((encoding, repeats.then(|| Repeated { lines: Arc::clone(lines), others })))
    }
}

impl EncodedLines {
    fn of(text: &str) -> Self {
        let encoding = Encoding::of(text);
        let (mut encoded, mut counts, mut start) = (DotStuffed::default(), LineCounts::default(), 0);
        let encode = |line: &str| {
            let (of_line, from) = (LineCounts::of_line(line), encoded.position());
            encoding.append(line, &mut encoded);
            counts = counts.with(of_line);
            let line_start = start;
            start += line.len() + 1;
            EncodedLine { start: line_start, counts: of_line, from, to: encoded.position() }
        };
        let lines = lines(text).map(encode).collect();
        Self { lines, counts, encoded }
    }

    /// The lines of `text` that are not those of `kept`, whose lines these are. `None` if there are many, or not as many in all.
    fn others(&self, kept: &str, text: &str) -> Option<Vec<OtherLine>> {
        let (mut in_kept, mut at, mut others) = (0, 0, Vec::new());
        loop {
            let same = common_prefix(&kept.as_bytes()[in_kept..], &text.as_bytes()[at..]);
            if (in_kept + same, at + same) == (kept.len(), text.len()) {
                return Some(others);
            }
            let number = self.lines.partition_point(|line| line.start <= in_kept + same).checked_sub(1)?;
            let start = at + self.lines[number].start - in_kept;
            let line_end = memchr::memchr(b'\n', &text.as_bytes()[start..]).map(|length| start + length);
            others.push(OtherLine { number, place: start..line_end.unwrap_or(text.len()) });
            match (self.lines.get(number + 1), line_end) {
                (Some(next), Some(line_end)) if others.len() < OTHERS_MAX => {
                    (in_kept, at) = (next.start, line_end + 1);
                }
                (None, None) => return Some(others),
                _ => return None,
            }
        }
    }
}

/// How many bytes two texts have in common from their beginning on.
fn common_prefix(one: &[u8], other: &[u8]) -> usize {
    // Chunks are compared many bytes at once.
    const CHUNK: usize = 128;
    let chunks = one.chunks_exact(CHUNK).zip(other.chunks_exact(CHUNK));
    let same = CHUNK * chunks.take_while(|(one, other)| one == other).count();
    same + one[same..].iter().zip(&other[same..]).take_while(|(one, other)| one == other).count()
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

    fn append_repeated(&self, Repeated { lines, others }: &Repeated, mail: &mut DotStuffed) {
        let EncodedLines { lines, encoded, .. } = &**lines;
        let mut from = Position::default();
        for OtherLine { number, place } in others {
            mail.extend_between(encoded, from, lines[*number].from);
            self.encoding.append(&self.text[place.clone()], mail);
            from = lines[*number].to;
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
        let others = |part: EncodedPart| {
            let numbers = |repeated: Repeated| repeated.others.iter().map(|other| other.number).collect();
            part.repeated.map(numbers)
        };
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
            others in prop::collection::vec((0..20_usize, "[.]?[ -~]{0,90}|[.=\t\n ü漢]{0,20}"), 0..4),
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
