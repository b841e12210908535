//! Finds what mail programs make a link of by themselves, and what no link may have. Links of fanmail's own are left to `content`.

use url::Url;

/// Whether a web address has a user name or a password in it.
#[must_use]
pub fn names_user(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// Whether a mail program could make a link of something in `text`: a web address with or without its scheme, a mail
/// address, or a domain (`evil.example`). People sign up with such names so that other people's mails carry their link.
///
/// A domain is recognized by its form, because any word can be a top-level domain. `Dr.Smith`, `A.B` and `M.Sc.` are none.
#[must_use]
pub fn may_become_link(text: &str) -> bool {
    if !text.chars().any(|c| matches!(plain(c), '.' | ':' | '@')) {
        return false;
    }
    let text: String = text.chars().map(plain).collect();
    let lower = text.to_lowercase();
    ["://", "www.", "@", "mailto:"].iter().any(|sign| lower.contains(sign))
        || text.split_whitespace().any(has_domain)
}

/// The plain form of the signs that browsers read as such: full width, small and ideographic.
fn plain(c: char) -> char {
    match c {
        '．' | '。' | '｡' | '﹒' | '\u{2024}' => '.',
        '：' | '﹕' => ':',
        '／' => '/',
        '＠' | '﹫' => '@',
        c => c,
    }
}

/// Whether a dot stands in `word` as it does in a domain.
fn has_domain(word: &str) -> bool {
    word.match_indices('.').any(|(at, _)| {
        let (before, after) = (&word[..at], &word[at + 1..]);
        let before = before.chars().rev().take_while(|c| c.is_alphanumeric()).count();
        let end = after.find(|c: char| !c.is_alphanumeric()).unwrap_or(after.len());
        let (label, rest) = after.split_at(end);
        let has_path = rest.starts_with(['/', '?', '#', ':']);
        before > 0 && label.chars().nth(1).is_some() && (has_path || before > 1 && is_top_level(label))
    })
}

/// Whether a word after a dot looks like a top-level domain: letters only, and not a name such as `Smith`.
fn is_top_level(label: &str) -> bool {
    let (lower, upper) = (label.chars().any(char::is_lowercase), label.chars().any(char::is_uppercase));
    label.chars().all(char::is_alphabetic) && (!(lower && upper) || label.chars().count() <= 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_becomes_a_link_is_found() {
        for text in [
            "http://evil.example/click",
            "HTTPS://EVIL",
            "ftp://x",
            "Ann://",
            "Click www.evil.example now",
            "WwW.x",
            "ann@example.org",
            "@ann",
            "Ann @ Home",
            "evil.example",
            "Win money: evil.com!",
            "(evil.com)",
            "EVIL.COM",
            "Evil.Com",
            "bit.ly/x",
            "t.co/x",
            "1.evil-site.org",
            "10.0.0.12/login",
            "evil.рф",
            "mailto:ann",
            "ann＠example．org",
            "http：／／evil",
            "evil。com",
        ] {
            assert!(may_become_link(text), "{text}");
        }
    }

    #[test]
    fn user_names_in_addresses_are_found() {
        let found = |text| names_user(&Url::parse(text).unwrap());
        for text in ["https://ann@example.org", "https://ann:pass@example.org", "https://:pass@example.org"] {
            assert!(found(text), "{text}");
        }
        for text in
            ["https://example.org/@ann", "https://example.org/?mail=ann@example.org", "https://@a.example"]
        {
            assert!(!found(text), "{text}");
        }
    }

    #[test]
    fn ordinary_names_are_none() {
        for text in [
            "",
            "Ada Lovelace",
            "Dr. Ada",
            "Dr.Smith",
            "St.John",
            "A.B",
            "a.b",
            "Ada.",
            ".",
            "...",
            "J.R.R. Tolkien",
            "M.Sc. Ann",
            "Ph.D.",
            "Ada: 1.5",
            "O'Brien",
            "Ann/Bob",
            "Ann...",
            "Jr.",
            "王。",
            "Müller, K. und M.",
        ] {
            assert!(!may_become_link(text), "{text}");
        }
    }
}
