//! Masks mail addresses in log lines and errors.

use memchr::memchr2_iter;

/// `text` with every mail address in it reduced to its first letter and its domain, `a***@example.com`.
/// Relays often repeat the recipient in their replies, and an address must never reach a log.
#[must_use]
pub fn mask(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, sign)) = next_sign(rest) {
        let (before, local) = rest[..at].split_at(start_of_local_part(&rest[..at]));
        masked.push_str(before);
        if let Some(first) = local.chars().next() {
            masked.push(first);
            masked.push_str("***");
        }
        masked.push_str(sign);
        rest = &rest[at + sign.len()..];
    }
    masked.push_str(rest);
    masked
}

/// The next `@`, or `%40` as in a URL: relays often link a page about a refusal. Reads nothing behind it: a reply may have
/// thousands of them.
fn next_sign(text: &str) -> Option<(usize, &'static str)> {
    let sign_at =
        |at| ["@", "%40"].into_iter().find(|sign| text[at..].starts_with(sign)).map(|sign| (at, sign));
    memchr2_iter(b'@', b'%', text.as_bytes()).find_map(sign_at)
}

/// Where the local part begins that ends `text`. It may be quoted and contain spaces (RFC 5321 section 4.1.2).
fn start_of_local_part(text: &str) -> usize {
    let quoted = text.strip_suffix('"').and_then(|begin| begin.rsplit_once('"'));
    if let Some((_, inner)) = quoted {
        return if inner.is_empty() { text.len() } else { text.len() - 1 - inner.len() };
    }
    let after = |(at, c): (usize, char)| at + c.len_utf8();
    let start = text.char_indices().rfind(|(_, c)| ends_local_part(*c)).map_or(0, after);
    // An apostrophe may be inside a local part (O'Brien), but not at its beginning.
    text.len() - text[start..].trim_start_matches('\'').len()
}

/// Characters before an address that do not belong to it.
fn ends_local_part(character: char) -> bool {
    character.is_whitespace() || "<>()[]:;,\"".contains(character)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::text::mask::mask;

    #[test]
    fn every_address_in_a_sentence_is_masked() {
        assert_eq!(
            mask("5.1.1 <bob.smith@example.com>: unknown, not ann@example.org"),
            "5.1.1 <b***@example.com>: unknown, not a***@example.org"
        );
        assert_eq!(mask("jürgen@müller.example"), "j***@müller.example");
        assert_eq!(mask("x@y@z"), "x***@y***@z");
        assert_eq!(mask("for 'o'brien@example.com'"), "for 'o***@example.com'");
        assert_eq!(mask("to <\"john smith\"@example.com>"), "to <\"j***@example.com>");
        assert_eq!(mask("5.7.1 see https://h/?to=bob%40example.com"), "5.7.1 see https:/***%40example.com");
        assert_eq!(mask("SRS0=Xy=4Q=example.com=bob@relay"), "S***@relay");
        assert_eq!(mask("\u{2003}é@z"), "\u{2003}é***@z");
    }

    proptest! {
        #[test]
        fn no_local_part_is_left_whatever_surrounds_it(name in "[a-z][a-z0-9.'+_=-]{3,20}", before: String, after: String) {
            for text in [
                format!("{before} {name}@{after}"),
                format!("{before}<{name}@example.com> {after}"),
                format!("{before}\"{name}\"@example.com{after}"),
                format!("https://example.com/{before}?to={name}%40example.com&x={after}"),
            ] {
                let masked = mask(&text);
                let kept = before.matches(&name).count() + after.matches(&name).count();
                prop_assert!(masked.matches(&name).count() <= kept, "{}", masked);
            }
        }
    }

    /// If the work grew with the square of the length, this would take minutes.
    #[test]
    fn a_long_text_takes_little_time_whatever_it_is_made_of() {
        for part in ["@", "%40", "%", "\"@", "'@", "\"\"@", "a@", "x"] {
            let text = part.repeat(1 << 20);
            assert!(mask(&text).len() >= text.len(), "{part}");
        }
    }

    #[test]
    fn other_text_stays() {
        for text in ["", "@", "no address here", "a @ b", "'@\"\"@", "a***@example.com", "100 %", "%4", "é%"]
        {
            assert_eq!(mask(text), text);
        }
    }
}
