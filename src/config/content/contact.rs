//! Whom people ask: an address, a web page, or words such as a phone number.

use url::Url;

use crate::config::reader::{Reader, is_address};
use crate::text::links::names_user;

/// Longest contact, in characters.
const MAX: usize = 200;

/// Whom people ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contact {
    /// An address in ASCII.
    Address(String),
    /// A web page, http or https.
    Url(String),
    /// Anything else.
    Text(String),
}

impl Contact {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let value = reader.line("CONTACT", MAX)?;
        if is_address(&value) {
            return Some(Self::Address(value));
        }
        if !value.contains("://") || value.contains(char::is_whitespace) {
            return Some(Self::Text(value));
        }
        let is_page = |url: &Url| matches!(url.scheme(), "http" | "https") && !names_user(url);
        let url = Url::parse(&value).ok().filter(is_page);
        if url.is_none() {
            reader.invalid(
                "CONTACT",
                &value,
                "an address, an http or https address without a user name, or text",
            );
        }
        url.map(|url| Self::Url(url.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Result<Option<Contact>, String> {
        let lookup = |_: &str| Some(value.to_owned());
        let mut reader = Reader::new(&lookup);
        let contact = Contact::read(&mut reader);
        reader.finish().map(|()| contact).map_err(|errors| errors.problems()[0].to_string())
    }

    #[test]
    fn addresses_and_pages_are_told_from_text() {
        let contact = |value| read(value).unwrap().unwrap();
        assert_eq!(contact("hello@example.org"), Contact::Address("hello@example.org".to_owned()));
        assert_eq!(contact("https://example.org/help"), Contact::Url("https://example.org/help".to_owned()));
        for text in [
            "+49 30 1234567",
            "Ask Zoë, or see https://example.org",
            "zoë@example.org",
            "javascript:alert(1)",
        ] {
            assert_eq!(contact(text), Contact::Text(text.to_owned()));
        }
        for wrong in ["ftp://example.org", "https://bank.example@evil.example"] {
            let problem = read(wrong).unwrap_err();
            let expected = "expected an address, an http or https address without a user name, or text";
            assert!(problem.starts_with("CONTACT is \"") && problem.ends_with(expected), "{problem}");
        }
    }
}
