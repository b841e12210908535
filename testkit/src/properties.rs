//! What has to hold for every input. The fuzz targets search for an input that breaks it, and `tests/properties.rs`
//! checks random inputs with every run of the tests. Each function panics when its property does not hold. The callers
//! pass in the functions of fanmail that are checked.

pub mod html;

use std::fmt::{Debug, Display};

/// Longest reason of a dead letter, in characters: it stands in a header, in a log line and in a table.
const REASON_MAX: usize = 300;

/// The decoder of message bodies.
pub struct Decoder<'a, R, E> {
    /// Longest body that it accepts, in bytes.
    pub max_body: usize,
    /// The decoder itself.
    pub decode: &'a dyn Fn(&[u8]) -> Result<R, E>,
    /// The opposite of `decode`.
    pub encode: &'a dyn Fn(&R) -> String,
    /// Whether the ledger can hold a message.
    pub fits_ledger: &'a dyn Fn(&R) -> bool,
}

/// Any bytes are either decoded, to a message that the ledger can hold and that can be encoded and decoded again, or
/// refused with a reason that fits on one line.
pub fn decoding<R: Debug + PartialEq, E: Debug + Display + PartialEq>(
    decoder: &Decoder<'_, R, E>,
    body: &[u8],
) {
    match (decoder.decode)(body) {
        Ok(message) => {
            assert!(body.len() <= decoder.max_body, "{} bytes were accepted", body.len());
            assert!((decoder.fits_ledger)(&message), "{message:?}");
            let encoded = (decoder.encode)(&message);
            let message = Ok(message);
            // It may be longer, with another way to escape a character.
            if encoded.len() <= decoder.max_body {
                assert_eq!((decoder.decode)(encoded.as_bytes()), message, "its encoding");
            }

            // White space around a JSON value means nothing (RFC 8259 section 2).
            let spaced = [b" \r\n\t", body, b"\n"].concat();
            if spaced.len() <= decoder.max_body {
                assert_eq!((decoder.decode)(&spaced), message, "with white space around it");
            }
            // Text behind the object makes the body invalid.
            assert!((decoder.decode)(&[body, b"}"].concat()).is_err(), "with more after it");
        }
        Err(malformed) => {
            let reason = malformed.to_string();
            assert!(reason.chars().count() <= REASON_MAX, "{reason:?}");
            assert!(!reason.chars().any(char::is_control), "{reason:?}");
        }
    }
}

/// For any content, a receiver finds the same lines, and the end of the mail exactly at its end. `stuffed` returns what
/// goes over the wire and the size of the mail; `unstuff` is its opposite.
pub fn dot_stuffing(
    stuffed: impl Fn(&str) -> (String, usize),
    unstuff: impl Fn(&str) -> String,
    content: &str,
) {
    let (wire, size) = stuffed(content);

    assert!(!wire.replace("\r\n", "").contains(['\r', '\n']), "a bare line end: {wire:?}");
    let (got, rest) = received(&wire);
    assert_eq!(rest, "", "the mail ended early: {wire:?}");
    assert_eq!(got, in_lines(content), "{wire:?}");
    assert_eq!(size, got.len(), "{wire:?}");
    assert_eq!(unstuff(&wire), got);

    // A second transfer changes nothing.
    assert_eq!(received(&stuffed(&got).0).0, got);
}

/// What a receiver does, written from RFC 5321 section 4.5.2 and not from the code: it ends the mail at the first line
/// that is a single dot, and removes one dot from each other line that begins with one.
fn received(wire: &str) -> (String, &str) {
    let mut content = String::new();
    let mut rest = wire;
    loop {
        let Some((line, after)) = rest.split_once("\r\n") else {
            panic!("no single dot on a line ends it: {wire:?}");
        };
        rest = after;
        if line == "." {
            return (content, rest);
        }
        content.push_str(line.strip_prefix('.').unwrap_or(line));
        content.push_str("\r\n");
    }
}

/// `content` with CRLF for each line end (CRLF, CR or LF), and one at the end.
fn in_lines(content: &str) -> String {
    let mut lines = content.replace("\r\n", "\n").replace('\r', "\n");
    if !lines.is_empty() && !lines.ends_with('\n') {
        lines.push('\n');
    }
    lines.replace('\n', "\r\n")
}
