//! What the words of relays have in common: the same sentence about different people, with other ids and times, is one reason. Which
//! mails have it is left to `failures`.

use std::collections::HashSet;

/// In place of what differs from mail to mail.
const ADDRESS: &str = "(address)";
const DOMAIN: &str = "(domain)";
const ID: &str = "(id)";
const NUMBER: &str = "(number)";

/// Shorter words with letters and digits are words: `IPv6`, `TLS1.2`, `S3`.
const SHORTEST_ID: usize = 7;

/// A reply without what differs from mail to mail.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct CommonWords {
    /// The enhanced status code at its beginning.
    pub enhanced_code: Option<String>,
    /// The rest.
    pub text: String,
}

impl CommonWords {
    /// `words` as the ledger has them: addresses are masked, and the reply code stands at the beginning or not at all.
    pub fn of(code: Option<i32>, words: &str) -> Self {
        let code = code.map(|code| code.to_string());
        let mut rest = words.trim();
        if let Some(code) = &code {
            rest = rest.strip_prefix(code.as_str()).map_or(rest, |rest| rest.trim_start_matches([' ', '-']));
        }
        let (first, behind) = rest.split_once(' ').unwrap_or((rest, ""));
        let enhanced_code = is_enhanced_code(first).then(|| first.to_owned());
        let text = if enhanced_code.is_some() { behind } else { rest };
        let domains: HashSet<String> = text.split(' ').filter_map(domain_of_address).collect();
        let mut common: Vec<String> = Vec::new();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            // In a reply of several lines, each begins with the codes.
            if Some(word) == enhanced_code.as_deref() {
                continue;
            }
            let word = common_word(word, &domains);
            // `id 4711 4712` and `id 4711` are one.
            if common.last() != Some(&word) || !word.starts_with('(') {
                common.push(word);
            }
        }
        Self { enhanced_code, text: common.join(" ") }
    }
}

/// `5.1.1` (RFC 3463).
pub(crate) fn is_enhanced_code(word: &str) -> bool {
    let mut parts = word.split('.');
    let is_number = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let class = parts.next().is_some_and(|class| matches!(class, "2" | "4" | "5"));
    class
        && parts.next().is_some_and(is_number)
        && parts.next().is_some_and(is_number)
        && parts.next().is_none()
}

/// A word between its punctuation.
fn split(word: &str) -> (&str, &str, &str) {
    let is_edge = |c: char| !c.is_alphanumeric() && c != '/' && c != '*';
    let start = word.find(|c| !is_edge(c)).unwrap_or(word.len());
    let end = word
        .rfind(|c| !is_edge(c))
        .map_or(start, |at| at + word[at..].chars().next().map_or(0, char::len_utf8));
    (&word[..start], &word[start..end.max(start)], &word[end.max(start)..])
}

/// The domain of a word that is an address.
fn domain_of_address(word: &str) -> Option<String> {
    let (_, inner, _) = split(word);
    let (_, domain) = inner.rsplit_once('@')?;
    Some(domain.to_lowercase()).filter(|domain| domain.contains('.'))
}

fn common_word(word: &str, domains: &HashSet<String>) -> String {
    let (before, inner, behind) = split(word);
    let common = common_inner(inner, domains);
    match common.as_deref() {
        // `<ada@example.org>` and `ada@example.org`, `[4711]` and `4711` are one.
        Some(placeholder) if placeholder.starts_with('(') => {
            let behind = behind.trim_start_matches(['>', ']', ')', '"', '\'']);
            format!("{placeholder}{behind}")
        }
        Some(common) => format!("{before}{common}{behind}"),
        None => word.to_owned(),
    }
}

/// `None`: it stays as it is.
fn common_inner(inner: &str, domains: &HashSet<String>) -> Option<String> {
    if inner.contains('@') || inner.contains("%40") || inner.contains("***") {
        return Some(ADDRESS.to_owned());
    }
    if let Some((scheme, rest)) = inner.split_once("://") {
        return Some(format!("{scheme}://{}", common_link(rest, domains)));
    }
    if is_enhanced_code(inner) {
        return None;
    }
    if domains.contains(&inner.to_lowercase()) {
        return Some(DOMAIN.to_owned());
    }
    // `to=4711`, `id:4711`
    if let Some((name, value)) = inner.split_once(['=', ':', '#']).filter(|(name, _)| is_name(name)) {
        let sign = &inner[name.len()..=name.len()];
        let has_digit = || value.bytes().any(|b| b.is_ascii_digit());
        let is_id = sign != ":" && (name.eq_ignore_ascii_case("id") || has_digit());
        let common = if is_id { Some(ID.to_owned()) } else { common_inner(value, domains) };
        return common.map(|value| format!("{name}{sign}{value}"));
    }
    let digits = inner.bytes().filter(u8::is_ascii_digit).count();
    let letters = inner.chars().filter(|c| c.is_alphabetic()).count();
    if digits > 0 && letters == 0 {
        return Some(NUMBER.to_owned());
    }
    let is_id = digits > 0 && inner.len() >= SHORTEST_ID && !inner.to_ascii_lowercase().starts_with("rfc");
    is_id.then(|| ID.to_owned())
}

/// Without what a page about one mail or one receiver has in its address.
fn common_link(link: &str, domains: &HashSet<String>) -> String {
    let (path, query) = link.split_once('?').map_or((link, ""), |(path, _)| (path, "?…"));
    let mut parts = path.split('/');
    let host = parts.next().unwrap_or_default().to_owned();
    let differs = |part: &str| {
        let part = part.to_lowercase();
        (part.len() >= SHORTEST_ID && part.bytes().any(|b| b.is_ascii_digit()))
            || domains.iter().any(|domain| part.contains(domain))
    };
    let parts = parts.map(|part| if differs(part) { "…" } else { part });
    let common: Vec<&str> = std::iter::once(host.as_str()).chain(parts).collect();
    common.join("/") + query
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphabetic() || c == '_' || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn common(code: i32, words: &str) -> String {
        let CommonWords { enhanced_code, text } = CommonWords::of(Some(code), words);
        format!("{} | {text}", enhanced_code.unwrap_or_default())
    }

    /// Two replies each that differ from mail to mail.
    #[test]
    fn what_differs_from_mail_to_mail_does_not_tell_reasons_apart() {
        for (code, one, other, expected) in [
            (
                550,
                "550 5.1.1 <a***@example.com>: Recipient address rejected: User unknown in local recipient table",
                "550 5.1.1 <z***@example.org>: Recipient address rejected: User unknown in local recipient table",
                "5.1.1 | (address): Recipient address rejected: User unknown in local recipient table",
            ),
            (
                550,
                "550 5.1.1 The email account that you tried to reach does not exist. 5.1.1 https://support.google.com/mail/?p=NoSuchUser a1b2c3d4e5f6-1234 - gsmtp",
                "550 5.1.1 The email account that you tried to reach does not exist. 5.1.1 https://support.google.com/mail/?p=NoSuchUser 98fe0a1b2c3d-99 - gsmtp",
                "5.1.1 | The email account that you tried to reach does not exist. https://support.google.com/mail/?… (id) - gsmtp",
            ),
            (
                550,
                "550 5.4.1 Recipient address rejected: Access denied. [BN8NAM11FT012.eop-nam11.prod.protection.outlook.com 2026-01-01T00:00:00.000Z 08DC0A1B2C3D]",
                "550 5.4.1 Recipient address rejected: Access denied. [DB5EUR02FT033.eop-EUR02.prod.protection.outlook.com 2026-02-03T10:11:12.131Z 08DC99999999]",
                "5.4.1 | Recipient address rejected: Access denied. (id)",
            ),
            (
                450,
                "450 4.2.0 <j***@example.com>: Recipient address rejected: Greylisted, try again in 297 seconds",
                "450 4.2.0 <k***@example.net>: Recipient address rejected: Greylisted, try again in 3 seconds",
                "4.2.0 | (address): Recipient address rejected: Greylisted, try again in (number) seconds",
            ),
            (
                554,
                "554 5.7.1 Service unavailable; Client host [203.0.113.7] blocked using zen.spamhaus.org",
                "554 5.7.1 Service unavailable; Client host [198.51.100.23] blocked using zen.spamhaus.org",
                "5.7.1 | Service unavailable; Client host (number) blocked using zen.spamhaus.org",
            ),
            (
                450,
                "450 4.2.0 <j***@example.com>: Greylisted, see http://postgrey.example/help/example.com.html and id=a1",
                "450 4.2.0 <k***@example.net>: Greylisted, see http://postgrey.example/help/example.net.html and id=77",
                "4.2.0 | (address): Greylisted, see http://postgrey.example/help/… and id=(id)",
            ),
            (
                550,
                "550 No such domain: example.com (u***@example.com) id=1abcDE-0002XY-3f",
                "550 No such domain: example.net (v***@example.net) id=1zzzDE-0009AA-7b",
                " | No such domain: (domain) (address) id=(id)",
            ),
        ] {
            assert_eq!(common(code, one), expected);
            assert_eq!(common(code, other), expected);
        }
    }

    #[test]
    fn what_the_same_sentence_says_of_other_things_does() {
        for words in ["mailbox full", "TLS1.2 wanted", "see RFC5321", "IPv6 only", "", "(", "…", "421"] {
            assert_eq!(CommonWords::of(None, words).text, if words == "421" { NUMBER } else { words });
        }
        assert_eq!(CommonWords::of(Some(250), "250").text, "");
        let address = "5.1.1";
        assert_eq!(CommonWords::of(None, address).enhanced_code.as_deref(), Some(address));
        for word in ["5.1", "3.1.1", "5.1.1.1", "5.1.1234", "5..1", "a.b.c"] {
            assert!(!is_enhanced_code(word), "{word}");
        }
    }
}
