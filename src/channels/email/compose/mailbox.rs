//! A header with one address and its display name: `From:` and `To:`. Quotes, encodes and folds the name, so that mail
//! clients show it as it was given. Whether the address is valid is left to `address`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::text::clean::{char_boundary, cluster_boundary, cut, one_line};

/// Longest display name, in characters. Mail clients show less of it.
pub(crate) const NAME_MAX: usize = 75;

/// Longest line, in bytes without its end: a line with an encoded word has at most 76 (RFC 2047 section 2), others
/// should have at most 78 (RFC 5322 section 2.1.1).
const LINE_MAX: usize = 76;

/// Longest encoded word (RFC 2047 section 2).
const ENCODED_WORD_MAX: usize = 75;

/// Longest word of a name that is not encoded: it has room behind the name of the header. A longer one could only stand
/// on a line of more than 76 bytes.
const PLAIN_WORD_MAX: usize = 68;

const ENCODED_START: &str = "=?utf-8?b?";
const ENCODED_END: &str = "?=";

/// A header with one address and its display name, which is cut after [`NAME_MAX`] characters. Its lines end with CRLF,
/// except the last one, and have at most 76 bytes if the address allows that.
pub(crate) fn mailbox(header: &str, name: &str, address: &str) -> String {
    let name = cut(one_line(name), NAME_MAX);
    let mut lines = FoldedHeader::new(header);
    if name.is_empty() {
        lines.word(&[address]);
        return lines.text;
    }
    match form_of(&name) {
        Form::Atoms => name.split(' ').for_each(|word| lines.word(&[word])),
        Form::Quoted(quoted) => quoted.split(' ').for_each(|word| lines.word(&[word])),
        Form::Encoded => lines.encoded_words(&name),
    }
    lines.word(&["<", address, ">"]);
    lines.text
}

/// A header that only tells an address, to people: one that is not ASCII is encoded.
pub(crate) fn address_alone(header: &str, address: &str) -> String {
    let mut lines = FoldedHeader::new(header);
    if address.is_ascii() {
        lines.word(&[address]);
    } else {
        lines.encoded_words(address);
    }
    lines.text
}

/// How a display name is written.
enum Form {
    /// As it is: words of letters, digits and a few signs.
    Atoms,
    /// Between quotes, with its backslashes.
    Quoted(String),
    /// As encoded words.
    Encoded,
}

/// The plainest form that RFC 5322 allows. A name that looks like an encoded word (RFC 2047) is encoded: some mail
/// clients decode such text even between quotes.
fn form_of(name: &str) -> Form {
    if !name.is_ascii() || name.contains("=?") {
        return Form::Encoded;
    }
    let words_fit = |text: &str| text.split(' ').all(|word| word.len() <= PLAIN_WORD_MAX);
    if name.bytes().all(|byte| byte == b' ' || is_atom_text(byte)) {
        return if words_fit(name) { Form::Atoms } else { Form::Encoded };
    }
    let quoted = quoted_string(name);
    if words_fit(&quoted) { Form::Quoted(quoted) } else { Form::Encoded }
}

/// The characters of an atom: `atext` of RFC 5322 section 3.2.3. A dot is not among them.
fn is_atom_text(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

/// A quoted-string of RFC 5322 section 3.2.4.
fn quoted_string(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 4);
    quoted.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

/// A header that is being written, word for word.
struct FoldedHeader {
    text: String,
    /// Length of its last line.
    column: usize,
}

impl FoldedHeader {
    fn new(name: &str) -> Self {
        let mut text = String::with_capacity(2 * LINE_MAX);
        text.push_str(name);
        text.push(':');
        Self { column: text.len(), text }
    }

    /// Appends a word and the space before it, on a new line if this one has no room. A word that no line has room for
    /// does not leave the name of the header alone.
    fn word(&mut self, pieces: &[&str]) {
        let length = 1 + pieces.iter().map(|piece| piece.len()).sum::<usize>();
        let fits_on_new_line = length <= LINE_MAX || !self.text.ends_with(':');
        if self.column + length > LINE_MAX && fits_on_new_line {
            self.text.push_str("\r\n");
            self.column = 0;
        }
        self.text.push(' ');
        for piece in pieces {
            self.text.push_str(piece);
        }
        self.column += length;
    }

    /// Appends `text` as encoded words, the first with as much as its line has room for. Spaces between encoded words are
    /// not part of the text. A word does not end within what a reader sees as one character, unless that is longer.
    fn encoded_words(&mut self, mut text: &str) {
        let mut room = LINE_MAX - self.column - 1;
        while !text.is_empty() {
            let bytes =
                room.min(ENCODED_WORD_MAX).saturating_sub(ENCODED_START.len() + ENCODED_END.len()) / 4 * 3;
            let end = match cluster_boundary(text, bytes) {
                0 => char_boundary(text, bytes.max(char::MAX.len_utf8())),
                end => end,
            };
            let (piece, rest) = text.split_at(end);
            self.word(&[ENCODED_START, &STANDARD.encode(piece), ENCODED_END]);
            (text, room) = (rest, ENCODED_WORD_MAX);
        }
    }
}

#[cfg(test)]
mod tests;
