//! The form of mails that is hashed: "relaxed" of RFC 6376 sections 3.4.2 and 3.4.4. Relays may fold a header anew and change white
//! space without breaking the signature.

/// Writes the body of a mail that is in the form that follows `DATA`, without the final dot: its lines end with CRLF, and dots are
/// stuffed. What the receiver stores is what counts, without the stuffed dots.
pub(crate) fn write_relaxed_body(stuffed: &str, canonical: &mut Vec<u8>) {
    canonical.clear();
    canonical.reserve(stuffed.len());
    let content = stuffed.trim_end_matches([' ', '\t', '\r', '\n']).as_bytes();
    if content.is_empty() {
        return;
    }
    let mut begin = 0;
    for end in memchr::memchr_iter(b'\n', content).chain([content.len()]) {
        let line = &content[begin..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = line.strip_prefix(b".").unwrap_or(line);
        append_relaxed(line, canonical);
        canonical.extend_from_slice(b"\r\n");
        begin = end + 1;
    }
}

/// Appends a field, which has no line end: its name in small letters, its lines as one.
pub(crate) fn append_relaxed_field(field: &str, canonical: &mut Vec<u8>) {
    let (name, value) = field.split_once(':').unwrap_or((field, ""));
    canonical.extend(name.trim_end_matches([' ', '\t']).bytes().map(|byte| byte.to_ascii_lowercase()));
    canonical.push(b':');
    for line in value.trim_start_matches([' ', '\t', '\r', '\n']).split("\r\n") {
        append_relaxed(line.as_bytes(), canonical);
    }
}

/// Appends a line without the white space at its end, and with one space for each other run of it.
fn append_relaxed(line: &[u8], canonical: &mut Vec<u8>) {
    if is_relaxed(line) {
        canonical.extend_from_slice(line);
        return;
    }
    let mut space = false;
    for &byte in line {
        if matches!(byte, b' ' | b'\t') {
            space = true;
            continue;
        }
        if space {
            canonical.push(b' ');
            space = false;
        }
        canonical.push(byte);
    }
}

/// Whether a line has no white space but single spaces within it. Most lines of mails do not.
fn is_relaxed(line: &[u8]) -> bool {
    let Some((&last, others)) = line.split_last() else { return true };
    let is_odd = |(&byte, &next): (&u8, &u8)| byte == b'\t' || byte == b' ' && next == b' ';
    // A pass over all bytes vectorizes; stopping at the first would not.
    let odd = others.iter().zip(&line[1..]).fold(false, |odd, pair| odd | is_odd(pair));
    !odd && !matches!(last, b' ' | b'\t')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::channels::email::compose::wire_format::DotStuffed;

    fn body(content: &str) -> String {
        let mut stuffed = DotStuffed::default();
        stuffed.lines(content);
        let (data, _) = stuffed.finish();
        let mut canonical = vec![b'x'];
        write_relaxed_body(data.strip_suffix(".\r\n").unwrap(), &mut canonical);
        String::from_utf8(canonical).unwrap()
    }

    fn field(field: &str) -> String {
        let mut canonical = Vec::new();
        append_relaxed_field(field, &mut canonical);
        String::from_utf8(canonical).unwrap()
    }

    /// Byte by byte, as RFC 6376 section 3.4.4 says it.
    fn by_the_rules(content: &str) -> String {
        let mut lines: Vec<String> = Vec::new();
        for line in content.lines() {
            let mut relaxed = String::new();
            for c in line.trim_end_matches([' ', '\t']).chars() {
                match c {
                    ' ' | '\t' if relaxed.ends_with(' ') => {}
                    ' ' | '\t' => relaxed.push(' '),
                    _ => relaxed.push(c),
                }
            }
            lines.push(relaxed);
        }
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        // The last line has an end, too.
        lines.extend((!lines.is_empty()).then(String::new));
        lines.join("\r\n")
    }

    #[test]
    fn the_examples_of_the_rfc() {
        // Section 3.4.5.
        assert_eq!(field("A: X"), "a:X");
        assert_eq!(field("B : Y\t\r\n\tZ  "), "b:Y Z");
        assert_eq!(body(" C \r\nD \t E\r\n\r\n\r\n"), " C\r\nD E\r\n");
    }

    #[test]
    fn what_is_empty_stays_empty() {
        for empty in ["", "\r\n", "\r\n\r\n", " \t\r\n \r\n"] {
            assert_eq!(body(empty), "", "{empty:?}");
        }
        for empty in ["A:", "A: ", "A:\r\n ", "A \t:\t\r\n\t"] {
            assert_eq!(field(empty), "a:", "{empty:?}");
        }
    }

    #[test]
    fn dots_are_hashed_as_the_receiver_stores_them() {
        assert_eq!(body(".\r\n..\r\nx.\r\n .y\r\n"), ".\r\n..\r\nx.\r\n .y\r\n");
        assert_eq!(body("x\r\n.\r\n\r\n"), "x\r\n.\r\n");
    }

    proptest! {
        #[test]
        fn any_body_is_as_the_rules_have_it(content in "([ \t.]|x|ü|\n){0,60}|[ -~\n]{0,300}") {
            prop_assert_eq!(body(&content), by_the_rules(&content));
        }
    }
}
