//! Parses mail addresses: accepts only what may stand in an envelope and in a header. An error never contains the
//! address, so that it can be logged.

use lettre::Address;
use url::Host;

use crate::domain::participant::comparable_address;
use crate::text::clean::turns_direction;

/// Longest address: the path of RFC 5321 section 4.5.3.1.3 without its angle brackets.
const MAX: usize = 254;

/// Why no mail can be sent to an address. Found without asking the relay, and permanent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AddressError(pub String);

/// Parses one address. White space around it is ignored. A domain that is not ASCII is converted to its `xn--` form.
/// The part before the `@` may be other than ASCII: such a mail needs a relay with SMTPUTF8 (RFC 6531).
///
/// # Errors
/// What is wrong, in a few words.
pub fn parse(text: &str) -> Result<Address, AddressError> {
    let text = text.trim();
    let bad = |reason: &str| Err(AddressError(format!("the address {reason}")));
    if text.is_empty() {
        return bad("is empty");
    }
    if text.len() > MAX {
        return bad("is longer than 254 bytes");
    }
    if text.chars().any(char::is_control) {
        return bad("has control characters");
    }
    if text.chars().any(char::is_whitespace) {
        return bad("has spaces");
    }
    if text.contains(['<', '>']) {
        return bad("has angle brackets");
    }
    if text.chars().any(is_invisible) {
        return bad("has invisible characters");
    }
    // RFC 2047 forbids an encoded word here, but some mail clients decode it.
    if text.contains("=?") {
        return bad("contains \"=?\", which mail clients read as encoded text");
    }
    let Some((user, domain)) = text.split_once('@') else {
        return bad("has no @");
    };
    if domain.contains('@') {
        return bad("has more than one @");
    }
    if user.is_empty() {
        return bad("has nothing before the @");
    }
    if domain.is_empty() {
        return bad("has no domain");
    }
    let Some(domain) = ascii_domain(domain) else {
        return bad("has an invalid domain");
    };
    match Address::new(user, domain) {
        Ok(address) if address.to_string().len() <= MAX => Ok(address),
        Ok(_) => bad("is longer than 254 bytes"),
        Err(lettre::address::AddressError::InvalidUser) => bad("is not valid before the @"),
        Err(_) => bad("has an invalid domain"),
    }
}

/// The form in which two addresses are compared: as `RCPT TO` has it, with the domain in small letters. `None` when no mail
/// can be sent to the address.
#[must_use]
pub fn comparable(text: &str) -> Option<String> {
    parse(text).ok().map(|address| comparable_address(address.as_ref()))
}

/// Whether a character shows nothing or changes the direction of the text: with one, an address is not the one that it
/// seems to be. The conversion to `xn--` (UTS 46) drops most of them from a domain; the URL library has the list.
fn is_invisible(c: char) -> bool {
    let is_dropped = || matches!(Host::parse(&format!("a{c}b")), Ok(Host::Domain(domain)) if domain == "ab");
    !c.is_ascii() && (turns_direction(c) || is_dropped())
}

fn ascii_domain(domain: &str) -> Option<String> {
    // The URL library would decode it, and no domain has one.
    if domain.contains('%') {
        return None;
    }
    if domain.is_ascii() {
        return Some(domain.to_owned());
    }
    match Host::parse(domain) {
        Ok(Host::Domain(ascii)) => Some(ascii),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, String> {
        parse(text).map(|address| address.to_string()).map_err(|bad| bad.to_string())
    }

    #[test]
    fn valid_addresses_are_accepted() {
        for (text, expected) in [
            ("ada@example.com", "ada@example.com"),
            (" ada@example.com\r\n", "ada@example.com"),
            ("o'brien+news/x=1@sub.example.co.uk", "o'brien+news/x=1@sub.example.co.uk"),
            ("jo@bücher.example", "jo@xn--bcher-kva.example"),
            ("jürgen@example.com", "jürgen@example.com"),
            ("root@localhost", "root@localhost"),
            ("jo=x?@example.com", "jo=x?@example.com"),
            ("jo@BU\u{308}CHER。example", "jo@xn--bcher-kva.example"),
            ("नेपाल@शर्मा.भारत", "नेपाल@xn--r2bdr8aze.xn--h2brj9c"),
            ("a@[192.0.2.1]", "a@[192.0.2.1]"),
        ] {
            assert_eq!(read(text), Ok(expected.to_owned()));
        }
    }

    #[test]
    fn addresses_are_compared_as_they_are_written_to_the_relay() {
        let same = [
            " jo@b\u{fc}cher.example",
            "jo@B\u{dc}CHER.example\r\n",
            "jo@xn--bcher-kva.Example",
            "jo@b\u{fc}cher\u{3002}example",
        ];
        assert_eq!(
            same.map(comparable),
            [const { "jo@xn--bcher-kva.example" }; 4].map(|text| Some(text.to_owned()))
        );
        let others = [
            "Jo@b\u{fc}cher.example",
            "jo@bucher.example",
            "j\u{f6}@b\u{fc}cher.example",
            "jo+x@b\u{fc}cher.example",
        ];
        assert!(others.map(comparable).iter().all(|other| other.is_some() && *other != comparable(same[0])));
        assert_eq!([comparable(""), comparable("jo"), comparable("jo@one@two")], [None, None, None]);
    }

    #[test]
    fn an_invalid_address_is_refused_and_the_error_does_not_repeat_it() {
        let long = format!("{}@example.com", "x".repeat(250));
        let long_user = format!("{}@example.com", "x".repeat(65));
        for (text, reason) in [
            ("", "is empty"),
            ("  ", "is empty"),
            ("secret", "has no @"),
            ("@example.com", "has nothing before the @"),
            ("secret@", "has no domain"),
            ("secret@one@example.com", "has more than one @"),
            ("secret@exa mple.com", "has spaces"),
            ("secret@exa\u{a0}mple.com", "has spaces"),
            ("secret@example.com\r\nRCPT TO:<x@example.com", "has control characters"),
            ("secret\u{0}@example.com", "has control characters"),
            ("Secret <secret@example.com>", "has spaces"),
            ("<secret@example.com>", "has angle brackets"),
            ("secret@example..com", "has an invalid domain"),
            ("secret@-example.com", "has an invalid domain"),
            ("secret@exa_mple,com", "has an invalid domain"),
            (".secret@example.com", "is not valid before the @"),
            ("sec..ret@example.com", "is not valid before the @"),
            ("secret,x@example.com", "is not valid before the @"),
            ("=?utf-8?q?secret?=@example.com", "contains \"=?\", which mail clients read as encoded text"),
            ("secret@=?utf-8?q?x?=.example.com", "contains \"=?\", which mail clients read as encoded text"),
            ("secret@exa\u{ad}mple.com", "has invisible characters"),
            ("secret@b\u{fc}ch\u{ad}er.example", "has invisible characters"),
            ("secret@b\u{fc}cher\u{200b}.example", "has invisible characters"),
            ("secret@b\u{fc}cher\u{3164}.example", "has invisible characters"),
            ("secret@b\u{fc}cher\u{fe0f}.example", "has invisible characters"),
            ("sec\u{ad}ret@example.com", "has invisible characters"),
            ("sec\u{202e}ret@example.com", "has invisible characters"),
            ("secret@b\u{fc}cher.ex%61mple", "has an invalid domain"),
            ("secret@ex%61mple.com", "has an invalid domain"),
            (&long, "is longer than 254 bytes"),
            (&long_user, "is not valid before the @"),
        ] {
            let error = read(text).expect_err(text);
            assert_eq!(error, format!("the address {reason}"), "{text:?}");
        }
    }
}
