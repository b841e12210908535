//! Mail addresses in words: what a log line or an error may show of them.

/// `text` with every mail address in it reduced to its first letter and its domain, `a***@example.com`.
/// Relays like to repeat the recipient in their replies, and an address must never reach a log.
#[must_use]
pub fn mask(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('@') {
        let (before, after) = rest.split_at(at);
        let start = before
            .rfind(ends_local_part)
            .map_or(0, |end| end + before[end..].chars().next().map_or(1, char::len_utf8));
        let local = &before[start..];
        masked.push_str(&before[..start]);
        if let Some(first) = local.chars().next() {
            masked.push(first);
            masked.push_str("***");
        }
        masked.push('@');
        rest = &after[1..];
    }
    masked.push_str(rest);
    masked
}

/// Characters that do not belong to an address when they stand before it in a sentence.
fn ends_local_part(character: char) -> bool {
    character.is_whitespace() || "<>()[]:;,\"'".contains(character)
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn every_address_in_a_sentence_is_masked() {
        assert_eq!(
            mask("5.1.1 <bob.smith@example.com>: unknown, not ann@example.org"),
            "5.1.1 <b***@example.com>: unknown, not a***@example.org"
        );
        assert_eq!(mask("jürgen@müller.example"), "j***@müller.example");
        assert_eq!(mask("x@y@z"), "x***@y***@z");
        assert_eq!(mask("\u{2003}é@z"), "\u{2003}é***@z");
    }

    #[test]
    fn other_text_stays() {
        for text in ["", "@", "no address here", "a @ b"] {
            assert_eq!(mask(text), text);
        }
    }
}
