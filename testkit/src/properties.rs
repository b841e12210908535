//! What has to hold for every input: the fuzz targets look for one that breaks it, and `tests/properties.rs` checks
//! random ones with every run of the tests. Each function panics when it does not hold.

#![allow(dead_code, reason = "a fuzz target uses one of them")]

use fanmail::channels::email::compose::wire_format::{DotStuffed, unstuff};
use fanmail::domain::kind::Kind;
use fanmail::domain::message::Message;
use fanmail::domain::message::malformed::MAX_BODY;

/// Longest reason of a dead letter, in characters: it stands in a header, in a log line and in a table.
const REASON_MAX: usize = 300;

/// Any bytes are decoded, to something that can be in the ledger and decodes again, or refused with a reason that a
/// person can read on one line.
pub fn decoding(body: &[u8]) {
    match Message::decode(body) {
        Ok(request) => {
            assert!(body.len() <= MAX_BODY, "{} bytes were accepted", body.len());
            assert!(request.event_id > 0, "{request:?}");
            assert!(Kind::from_word(request.kind.as_str()) == Some(request.kind), "{request:?}");
            assert_eq!(Message::decode(request.encode().as_bytes()), Ok(request), "its encoding");

            // What JSON calls insignificant is (RFC 8259 section 2).
            let spaced = [b" \r\n\t", body, b"\n"].concat();
            if spaced.len() <= MAX_BODY {
                assert_eq!(Message::decode(&spaced), Ok(request), "with white space around it");
            }
            // Anything after the object makes it something else.
            assert!(Message::decode(&[body, b"}"].concat()).is_err(), "with more after it");
        }
        Err(malformed) => {
            let reason = malformed.to_string();
            assert!(reason.chars().count() <= REASON_MAX, "{reason:?}");
            assert!(!reason.chars().any(char::is_control), "{reason:?}");
        }
    }
}

/// Whatever the content, a receiver finds the same lines and the end of the mail exactly at its end.
pub fn dot_stuffing(content: &str) {
    let (wire, size) = stuffed(content);

    assert!(!wire.replace("\r\n", "").contains(['\r', '\n']), "a bare line end: {wire:?}");
    let (got, rest) = received(&wire);
    assert_eq!(rest, "", "the mail ended early: {wire:?}");
    assert_eq!(got, in_lines(content), "{wire:?}");
    assert_eq!(size, got.len(), "{wire:?}");
    assert_eq!(unstuff(&wire), got);

    // What came through once comes through unchanged: forwarding adds nothing.
    assert_eq!(received(&stuffed(&got).0).0, got);
}

fn stuffed(content: &str) -> (String, usize) {
    let mut mail = DotStuffed::default();
    mail.lines(content);
    mail.finish()
}

/// What a receiver does, written from RFC 5321 section 4.5.2 and not from the code: it cuts at the first line that
/// is a single dot, and takes one dot off every other line that begins with one.
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

/// `content` with every line end, be it CRLF, CR or LF, as CRLF, and one at the end.
fn in_lines(content: &str) -> String {
    let mut lines = content.replace("\r\n", "\n").replace('\r', "\n");
    if !lines.is_empty() && !lines.ends_with('\n') {
        lines.push('\n');
    }
    lines.replace('\n', "\r\n")
}
