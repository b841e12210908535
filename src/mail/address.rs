//! Reading a mail address: what may stand in an envelope and in a header, and nothing else. An error never
//! contains the address.

use lettre::Address;
use url::Host;

use super::compose::BadAddress;

/// Longest address: the path of RFC 5321 section 4.5.3.1.3 without its angle brackets.
const MAX: usize = 254;

/// Reads one address. White space around it does not count; a domain of other letters becomes its `xn--` form.
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

fn ascii_domain(domain: &str) -> Option<String> {
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
            (&long, "is longer than 254 bytes"),
            (&long_user, "is not valid before the @"),
        ] {
            let said = read(text).expect_err(text);
            assert_eq!(said, format!("the address {reason}"), "{text:?}");
        }
    }
}
