//! Reading a mail address: what may stand in an envelope and in a header, and nothing else. An error never
//! contains the address.

use lettre::Address;
use url::Host;

use crate::text::clean::turns_direction;

/// Longest address: the path of RFC 5321 section 4.5.3.1.3 without its angle brackets.
const MAX: usize = 254;

/// An address that no mail can be sent to: local and permanent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadAddress(pub String);

/// Reads one address. White space around it does not count; a domain of other letters becomes its `xn--` form, and
/// nothing in it is left out on the way.
/// Letters beyond ASCII may remain before the `@`: such a mail needs a relay with SMTPUTF8 (RFC 6531).
///
/// # Errors
/// Says in a few words what is wrong.
pub fn parse(text: &str) -> Result<Address, BadAddress> {
    let text = text.trim();
    let bad = |reason: &str| Err(BadAddress(format!("the address {reason}")));
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
    if text.chars().any(is_unseen) {
        return bad("has characters that nobody sees");
    }
    // RFC 2047 forbids an encoded word here, but there are mail clients that decode it.
    if text.contains("=?") {
        return bad("would be taken for encoded text");
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
        return bad("has a domain that cannot exist");
    };
    match Address::new(user, domain) {
        Ok(address) if address.to_string().len() <= MAX => Ok(address),
        Ok(_) => bad("is longer than 254 bytes"),
        Err(lettre::address::AddressError::InvalidUser) => bad("is not valid before the @"),
        Err(_) => bad("has a domain that cannot exist"),
    }
}

/// What shows nothing, or turns the rest: with one of these, an address is not the one that it seems to be. A domain
/// would lose most of them on its way to `xn--` (UTS 46), of which the URL library has the list.
fn is_unseen(c: char) -> bool {
    let is_left_out = || matches!(Host::parse(&format!("a{c}b")), Ok(Host::Domain(domain)) if domain == "ab");
    !c.is_ascii() && (turns_direction(c) || is_left_out())
}

fn ascii_domain(domain: &str) -> Option<String> {
    // The URL library would decode it, and nobody has such a domain.
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
    fn honest_addresses_are_taken() {
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
    fn what_no_mail_can_be_sent_to_is_refused_without_repeating_it() {
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
            ("secret@example..com", "has a domain that cannot exist"),
            ("secret@-example.com", "has a domain that cannot exist"),
            ("secret@exa_mple,com", "has a domain that cannot exist"),
            (".secret@example.com", "is not valid before the @"),
            ("sec..ret@example.com", "is not valid before the @"),
            ("secret,x@example.com", "is not valid before the @"),
            ("=?utf-8?q?secret?=@example.com", "would be taken for encoded text"),
            ("secret@=?utf-8?q?x?=.example.com", "would be taken for encoded text"),
            ("secret@exa\u{ad}mple.com", "has characters that nobody sees"),
            ("secret@b\u{fc}ch\u{ad}er.example", "has characters that nobody sees"),
            ("secret@b\u{fc}cher\u{200b}.example", "has characters that nobody sees"),
            ("secret@b\u{fc}cher\u{3164}.example", "has characters that nobody sees"),
            ("secret@b\u{fc}cher\u{fe0f}.example", "has characters that nobody sees"),
            ("sec\u{ad}ret@example.com", "has characters that nobody sees"),
            ("sec\u{202e}ret@example.com", "has characters that nobody sees"),
            ("secret@b\u{fc}cher.ex%61mple", "has a domain that cannot exist"),
            ("secret@ex%61mple.com", "has a domain that cannot exist"),
            (&long, "is longer than 254 bytes"),
            (&long_user, "is not valid before the @"),
        ] {
            let said = read(text).expect_err(text);
            assert_eq!(said, format!("the address {reason}"), "{text:?}");
        }
    }
}
