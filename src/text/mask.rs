//! Masks mail addresses in log lines and errors. A Message-ID has the form of an address; those of this installation are left, because
//! whoever looks for a mail needs them.

use std::sync::OnceLock;

use memchr::memchr2_iter;

use crate::text::clean::one_line;

/// The Message-IDs that are left. None before the installation is known.
static OWN_IDS: OnceLock<OwnIds> = OnceLock::new();

/// How the Message-IDs of an installation end: `n12.p34.TAG@DOMAIN`.
#[derive(Debug)]
struct OwnIds {
    tag: String,
    domain: String,
}

/// From now on, [`mask`] leaves the Message-IDs with this tag and domain, and these only: an address that looks like a Message-ID has another
/// tag, which is a random word, or another domain, which is not the sender's. Set once in a process; further calls change nothing.
pub fn leave_message_ids(tag: &str, domain: &str) {
    OWN_IDS.get_or_init(|| OwnIds { tag: tag.to_owned(), domain: domain.to_owned() });
}

/// `text` with every mail address in it reduced to its first letter and its domain, `a***@example.com`.
/// Relays often repeat the recipient in their replies, and an address must never reach a log.
#[must_use]
pub fn mask(text: &str) -> String {
    mask_except(text, OWN_IDS.get())
}

/// Text of others as people may see it: on one line, and without addresses.
#[must_use]
pub fn masked_line(text: &str) -> String {
    mask(&one_line(text))
}

fn mask_except(text: &str, own_ids: Option<&OwnIds>) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, sign)) = next_sign(rest) {
        let (before, local) = rest[..at].split_at(start_of_local_part(&rest[..at]));
        masked.push_str(before);
        let domain = &rest[at + sign.len()..];
        if sign == "@" && own_ids.is_some_and(|ids| ids.contain(local, domain)) {
            masked.push_str(local);
        } else if let Some(first) = local.chars().next() {
            masked.push(first);
            masked.push_str("***");
        }
        masked.push_str(sign);
        rest = domain;
    }
    masked.push_str(rest);
    masked
}

impl OwnIds {
    /// Whether `local` in front of an `@` and what `rest` begins with are one of them.
    fn contain(&self, local: &str, rest: &str) -> bool {
        let numbers = local.strip_suffix(&self.tag).and_then(|begin| begin.strip_suffix('.'));
        let numbers = numbers.and_then(|numbers| numbers.strip_prefix('n')?.split_once(".p"));
        let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let are_numbers = numbers.is_some_and(|(notification, participant)| {
            is_number(notification) && is_number(participant.strip_prefix('-').unwrap_or(participant))
        });
        let is_of_domain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
        let domain = rest.split(|c| !is_of_domain(c)).next().unwrap_or_default();
        // In front of another `@`, it is no domain.
        let is_domain = !rest[domain.len()..].starts_with(['@', '%']);
        are_numbers && is_domain && domain.trim_end_matches('.').eq_ignore_ascii_case(&self.domain)
    }
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

    use crate::text::mask::{OwnIds, mask, mask_except};

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

    #[test]
    fn message_ids_of_this_installation_stay_and_what_looks_like_one_does_not() {
        let ids = OwnIds { tag: "8e9703b916".to_owned(), domain: "mail.example.org".to_owned() };
        let mask = |text: &str| mask_except(text, Some(&ids));
        for text in [
            "queued <n12.p34.8e9703b916@mail.example.org> as 4F2",
            "message-id=<n12.p-34.8e9703b916@MAIL.example.org>,",
            "n0.p9223372036854775807.8e9703b916@mail.example.org.",
            "Message-ID: n1.p2.8e9703b916@mail.example.org; n3.p4.8e9703b916@mail.example.org",
        ] {
            assert_eq!(mask(text), text);
        }
        for (text, masked) in [
            // A person's address may look so.
            ("<n12.p34.0123456789@mail.example.org>", "<n***@mail.example.org>"),
            ("<n12.p34.8e9703b916@example.org>", "<n***@example.org>"),
            ("<n12.p34.8e9703b916@mail.example.org.evil.example>", "<n***@mail.example.org.evil.example>"),
            ("<n12.p34.8e9703b916@mail.example.orgs>", "<n***@mail.example.orgs>"),
            ("<n12.p34.8e9703b916@mail.example.org@example.com>", "<n***@m***@example.com>"),
            ("<bob+n12.p34.8e9703b916@mail.example.org>", "<b***@mail.example.org>"),
            ("<n12.p34x.8e9703b916@mail.example.org>", "<n***@mail.example.org>"),
            ("<n.p.8e9703b916@mail.example.org>", "<n***@mail.example.org>"),
            ("<n12.p34.bob.8e9703b916@mail.example.org>", "<n***@mail.example.org>"),
            ("<\"n12.p34.8e9703b916\"@mail.example.org>", "<\"n***@mail.example.org>"),
            ("<\"bob n12.p34.8e9703b916\"@mail.example.org>", "<\"b***@mail.example.org>"),
            ("n12.p34.8e9703b916%40mail.example.org", "n***%40mail.example.org"),
            ("<8e9703b916@mail.example.org>", "<8***@mail.example.org>"),
            (
                "bob@example.org <n1.p2.8e9703b916@mail.example.org> ann@mail.example.org",
                "b***@example.org <n1.p2.8e9703b916@mail.example.org> a***@mail.example.org",
            ),
        ] {
            assert_eq!(mask(text), masked);
        }
        assert_eq!(mask_except("<n12.p34.8e9703b916@mail.example.org>", None), "<n***@mail.example.org>");
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
