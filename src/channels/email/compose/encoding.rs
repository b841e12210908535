//! Chooses the encoding of a text, and encodes it directly into the form that follows `DATA`.
//!
//! lettre makes six passes over six copies, at 70 instructions a byte; this takes 10. A test compares the two: they
//! write the same bytes.

use email_encoding::body::base64;

use crate::channels::email::compose::wire_format::DotStuffed;

/// Longest line of a part, in bytes, without its end (RFC 2045 section 6.7).
const LINE_MAX: usize = 76;

/// Longest line of a part without an encoding that is one word, such as a web address (RFC 5322 section 2.1.1).
const WORD_MAX: usize = 998;

/// Every byte in quoted-printable, three characters each.
const QUOTED_BYTES: &str = {
    const BYTES: [u8; 3 * 256] = {
        let (digits, mut bytes, mut at) = (b"0123456789ABCDEF", [b'='; 3 * 256], 0);
        while at < 256 {
            bytes[3 * at + 1] = digits[at >> 4];
            bytes[3 * at + 2] = digits[at & 15];
            at += 1;
        }
        bytes
    };
    match str::from_utf8(&BYTES) {
        Ok(quoted) => quoted,
        Err(_) => unreachable!(),
    }
};

/// A `Content-Transfer-Encoding`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Encoding {
    SevenBit,
    QuotedPrintable,
    Base64,
}

impl Encoding {
    /// The encoding for `text`, which has no control characters other than tabs and `\n`. Quoted-printable stays
    /// readable, but takes three bytes for each byte that is not ASCII: with many of those, base64 is shorter.
    pub fn of(text: &str) -> Self {
        Self::suited(text.len(), text.chars().count(), || lines(text).any(is_too_long))
    }

    /// The encoding for a text of so many bytes and characters.
    pub(super) fn suited(bytes: usize, characters: usize, has_long_lines: impl FnOnce() -> bool) -> Self {
        if bytes > characters + characters / 4 {
            Self::Base64
        } else if bytes > characters || has_long_lines() {
            Self::QuotedPrintable
        } else {
            Self::SevenBit
        }
    }

    /// As the header has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SevenBit => "7bit",
            Self::QuotedPrintable => "quoted-printable",
            Self::Base64 => "base64",
        }
    }

    /// Appends `text`, encoded.
    pub fn append(self, text: &str, mail: &mut DotStuffed) {
        match self {
            Self::SevenBit => lines(text).for_each(|line| mail.line(line)),
            Self::QuotedPrintable => lines(text).for_each(|line| quote(line, mail)),
            Self::Base64 => append_base64(text.replace('\n', "\r\n").as_bytes(), mail),
        }
    }
}

/// Appends lines of base64, of 76 bytes except for the last one.
pub(crate) fn append_base64(bytes: &[u8], mail: &mut DotStuffed) {
    let mut encoded = String::with_capacity(2 * bytes.len());
    // Writing into memory cannot fail.
    if base64::encode(bytes, &mut encoded).is_err() {
        encoded.clear();
    }
    encoded.push('\n');
    mail.lines(&encoded);
}

/// `text` without control characters other than tabs, with `\n` for every line break. A template can contain a bare CR
/// or a NUL, which mail does not allow (RFC 5322 sections 2.1, 2.3). Most texts have none and are not copied.
pub(crate) fn sanitized(text: String) -> String {
    let is_forbidden = |c: u8| c < b' ' && c != b'\n' && c != b'\t' || c == 0x7f;
    // A pass over all bytes vectorizes; stopping at the first would not.
    if !text.bytes().fold(false, |found, c| found | is_forbidden(c)) {
        return text;
    }
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.chars().filter(|&c| !u8::try_from(c).is_ok_and(is_forbidden)).collect()
}

/// The lines of `text`. When `text` ends with `\n`, the last line is empty: the line end before a boundary belongs to
/// the boundary (RFC 2046 section 5.1.1).
pub(crate) fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut ends = memchr::memchr_iter(b'\n', text.as_bytes());
    let mut rest = Some(0);
    std::iter::from_fn(move || {
        let start = rest?;
        let end = ends.next();
        rest = end.map(|end| end + 1);
        Some(&text[start..end.unwrap_or(text.len())])
    })
}

/// Whether a line needs an encoding. One that cannot be broken at a space does not, although it should be shorter: most mails have
/// links, and quoted-printable costs more than all else about a part.
pub(super) fn is_too_long(line: &str) -> bool {
    line.len() > LINE_MAX && (line.len() > WORD_MAX || line.trim_start_matches(' ').contains([' ', '\t']))
}

/// Appends `line` in quoted-printable (RFC 2045 section 6.7).
fn quote(line: &str, mail: &mut DotStuffed) {
    // White space at the end of a line has to be encoded.
    let kept = line.strip_suffix([' ', '\t']).unwrap_or(line);
    let is_ascii = kept.is_ascii();
    let mut quoted = Quoted { mail, column: 0 };
    let mut at = 0;
    loop {
        let bytes = &kept.as_bytes()[at..];
        let plain = if is_ascii {
            memchr::memchr(b'=', bytes)
        } else {
            bytes.iter().position(|&byte| byte == b'=' || !byte.is_ascii())
        };
        let plain = plain.unwrap_or(bytes.len());
        if plain > 0 {
            quoted.plain(&kept[at..at + plain], at + plain == line.len());
            at += plain;
        }
        let Some(&byte) = kept.as_bytes().get(at) else {
            break;
        };
        at += 1;
        quoted.byte(byte, at == line.len());
    }
    if let Some(&space) = line.as_bytes().get(kept.len()) {
        quoted.byte(space, true);
    }
    mail.append("\r\n");
}

/// Writes one line of quoted-printable.
struct Quoted<'a> {
    mail: &'a mut DotStuffed,
    column: usize,
}

impl Quoted<'_> {
    /// Bytes that still fit on the line. At the `end` of the text no soft break follows.
    fn space_left(&self, end: bool) -> usize {
        LINE_MAX - self.column - usize::from(!end)
    }

    fn plain(&mut self, mut text: &str, end: bool) {
        while text.len() > self.space_left(end) {
            let (fits, more) = text.split_at(self.space_left(false));
            self.put(fits);
            self.soft_break();
            text = more;
        }
        self.put(text);
    }

    fn byte(&mut self, byte: u8, end: bool) {
        if self.space_left(end) < 3 {
            self.soft_break();
        }
        let at = 3 * usize::from(byte);
        self.put(&QUOTED_BYTES[at..at + 3]);
    }

    fn soft_break(&mut self) {
        self.mail.append("=\r\n");
        self.column = 0;
    }

    fn put(&mut self, text: &str) {
        if self.column == 0 {
            self.mail.begin_line(text);
        } else {
            self.mail.append(text);
        }
        self.column += text.len();
    }
}

#[cfg(test)]
mod tests {
    use lettre::message::Body;
    use lettre::message::header::ContentTransferEncoding;
    use proptest::prelude::*;

    use super::*;
    use crate::channels::email::compose::wire_format::unstuff;

    fn encoded(encoding: Encoding, text: &str) -> String {
        let mut mail = DotStuffed::default();
        encoding.append(text, &mut mail);
        unstuff(&mail.finish().0)
    }

    #[test]
    fn each_text_gets_the_encoding_that_suits_it() {
        let line = "x".repeat(LINE_MAX);
        for (text, encoding) in [
            ("", Encoding::SevenBit),
            (&format!("{line}\n{line}\n"), Encoding::SevenBit),
            (&format!("x\n{line} y\n"), Encoding::QuotedPrintable),
            (&format!("x\n {line}{line}\n"), Encoding::SevenBit),
            (&"x".repeat(WORD_MAX), Encoding::SevenBit),
            (&"x".repeat(WORD_MAX + 1), Encoding::QuotedPrintable),
            ("Grüße aus Köln", Encoding::QuotedPrintable),
            ("Привет, Ада", Encoding::Base64),
            ("灯りの夕べ", Encoding::Base64),
        ] {
            assert_eq!(Encoding::of(text), encoding, "{text:?}");
        }
    }

    #[test]
    fn quoted_printable_breaks_lines_at_76_bytes() {
        let line = "x".repeat(LINE_MAX - 3);
        for (text, expected) in [
            (format!("{line}xxx"), format!("{line}xxx\r\n")),
            (format!("{line}xxxx"), format!("{line}xx=\r\nxx\r\n")),
            (format!("{line}="), format!("{line}=3D\r\n")),
            (format!("{line}=x"), format!("{line}=\r\n=3Dx\r\n")),
            (format!("{line}x="), format!("{line}x=\r\n=3D\r\n")),
            (format!("{line} "), format!("{line}=20\r\n")),
            (format!("{line}xx."), format!("{line}xx.\r\n")),
            (format!("{line}xx.."), format!("{line}xx=\r\n..\r\n")),
            ("\t\n =\t\n".to_owned(), "=09\r\n =3D=09\r\n\r\n".to_owned()),
        ] {
            assert_eq!(encoded(Encoding::QuotedPrintable, &text), expected, "{text:?}");
        }
    }

    proptest! {
        // Any text, and text with many special characters.
        #[test]
        fn lettre_writes_the_same(text in "(?s:.)*|([ -~]{0,90}|[.=\n\t ü漢]){0,50}") {
            let text = sanitized(text);
            prop_assert_eq!(encoded(Encoding::SevenBit, &text), text.replace('\n', "\r\n") + "\r\n");
            for (ours, theirs) in [
                (Encoding::QuotedPrintable, ContentTransferEncoding::QuotedPrintable),
                (Encoding::Base64, ContentTransferEncoding::Base64),
            ] {
                prop_assert_eq!(ours.name(), theirs.to_string());
                let body = Body::new_with_encoding(text.clone(), theirs).unwrap().into_vec();
                prop_assert_eq!(encoded(ours, &text), String::from_utf8(body).unwrap() + "\r\n");
            }
        }
    }
}
