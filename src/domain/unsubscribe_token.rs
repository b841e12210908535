//! The token of a link that unsubscribes: whose mails of which kind about which event, sealed, so that people cannot make one for another
//! person. It has no address in it. docs/unsubscribe.md describes it for others who read it; what follows from it is left to `http`.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::address_hash::{AddressHash, HASH_LENGTH};
use crate::domain::ids::EventId;
use crate::domain::kind::Kind;
use crate::hmac::{self, HmacKey};

/// The first byte.
const VERSION: u8 = 1;
/// Bytes of the id of a secret.
const KEY_ID: usize = 2;
/// Bytes of the seal: half of an HMAC-SHA256 (RFC 2104 section 5).
const SEAL: usize = 16;
/// What is sealed to get the id of a secret. No token begins so.
const KEY_ID_OF: &[u8] = b"fanmail unsubscribe key";
/// Longest token that is read, in characters. The longest that is made has 351.
const LENGTH_MAX: usize = 400;
/// Longest tag of a language, in bytes.
const LANGUAGE_MAX: usize = 16;

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsubscribeToken {
    /// Whose mail it is in.
    pub address: AddressHash,
    /// The kind of that mail.
    pub kind: Kind,
    /// The event that the mail is about, if there is one.
    pub event_id: Option<EventId>,
    /// The locale of the person, as the application has it.
    pub locale: Option<String>,
}

/// The secrets that seal tokens. Cheap to clone.
#[derive(Clone)]
pub struct TokenKeys {
    /// The first one seals, all of them open.
    keys: Arc<[TokenKey]>,
}

/// Without the secrets.
impl fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenKeys({})", self.keys.len())
    }
}

struct TokenKey {
    id: [u8; KEY_ID],
    key: HmacKey,
}

impl TokenKey {
    fn new(secret: &str) -> Self {
        let key = HmacKey::new(secret.as_bytes());
        Self { id: beginning(&key.mac(KEY_ID_OF)), key }
    }

    fn seal(&self, sealed: &[u8]) -> [u8; SEAL] {
        beginning(&self.key.mac(sealed))
    }
}

fn beginning<const N: usize>(bytes: &[u8; 32]) -> [u8; N] {
    std::array::from_fn(|at| bytes[at])
}

impl TokenKeys {
    /// With these secrets, of which the first one seals.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        Self { keys: secrets.into_iter().map(TokenKey::new).collect() }
    }

    /// The token, in letters, digits, `-` and `_`. `None` if there is no secret.
    #[must_use]
    pub fn write(&self, token: &UnsubscribeToken) -> Option<String> {
        let key = self.keys.first()?;
        let mut bytes = Vec::with_capacity(96);
        bytes.push(VERSION);
        bytes.extend(key.id);
        bytes.extend(token.address.as_bytes());
        append(&mut bytes, token.kind.as_str());
        match &token.event_id {
            None => append(&mut bytes, ""),
            Some(EventId::Number(number)) => append(&mut bytes, &number.to_string()),
            Some(EventId::Text(key)) => append(&mut bytes, key.as_str()),
        }
        append(&mut bytes, token.locale.as_deref().filter(|locale| is_tag(locale)).unwrap_or_default());
        bytes.extend(key.seal(&bytes));
        Some(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// What a token says that one of the secrets has sealed.
    #[must_use]
    pub fn read(&self, token: &str) -> Option<UnsubscribeToken> {
        if token.len() > LENGTH_MAX {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (sealed, seal) = bytes.split_last_chunk::<SEAL>()?;
        let (&version, rest) = sealed.split_first()?;
        let (id, rest) = rest.split_first_chunk::<KEY_ID>()?;
        let is_sealed_with = |key: &TokenKey| key.id == *id && hmac::are_equal(&key.seal(sealed), seal);
        if version != VERSION || !self.keys.iter().any(is_sealed_with) {
            return None;
        }
        let (address, mut rest) = rest.split_first_chunk::<HASH_LENGTH>()?;
        let kind = Kind::from_word(take(&mut rest)?)?;
        let event_id = match take(&mut rest)? {
            "" => None,
            key => Some(EventId::from_text(key).ok()?),
        };
        let locale = Some(take(&mut rest)?.to_owned()).filter(|locale| !locale.is_empty());
        let address = AddressHash::from_bytes(address)?;
        rest.is_empty().then_some(UnsubscribeToken { address, kind, event_id, locale })
    }
}

/// Whether a locale may be in a token. Without others, no token is too long.
fn is_tag(locale: &str) -> bool {
    locale.len() <= LANGUAGE_MAX
        && locale.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// Appends a text behind its length. All are shorter than 256 bytes.
fn append(bytes: &mut Vec<u8>, text: &str) {
    bytes.push(u8::try_from(text.len()).unwrap_or_default());
    bytes.extend(text.as_bytes());
}

/// Takes such a text from the front.
fn take<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    let (&length, rest) = bytes.split_first()?;
    let (text, rest) = rest.split_at_checked(length.into())?;
    *bytes = rest;
    std::str::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "correct horse battery staple and more";

    fn token() -> UnsubscribeToken {
        UnsubscribeToken {
            address: AddressHash::from_bytes(b"0123456789abcdef").unwrap(),
            kind: Kind::Updated,
            event_id: Some(EventId::Number(123)),
            locale: Some("de-AT".to_owned()),
        }
    }

    fn written(secret: &str, token: &UnsubscribeToken) -> String {
        TokenKeys::new([secret]).write(token).unwrap()
    }

    #[test]
    fn the_form_of_a_token_never_changes() {
        let [short, long] = [
            token(),
            UnsubscribeToken {
                event_id: Some(EventId::from_text(&"ü".repeat(100)).unwrap()),
                locale: Some("x".repeat(LANGUAGE_MAX)),
                kind: Kind::Cancelled,
                ..token()
            },
        ]
        .map(|token| written(SECRET, &token));
        // As the code in docs/unsubscribe.md writes it.
        assert_eq!(short, "AaaOMDEyMzQ1Njc4OWFiY2RlZgdVUERBVEVEAzEyMwVkZS1BVErEwTloAq6xhxQUMe-AI8Y");
        assert_eq!(long.len(), 351);
    }

    #[test]
    fn the_first_secret_seals_and_all_open() {
        let other = "another secret that is long enough too";
        let old = written(SECRET, &token());
        let keys = TokenKeys::new([other, SECRET]);
        assert_eq!(keys.read(&old), Some(token()));
        assert_eq!(keys.write(&token()), Some(written(other, &token())));
        assert_eq!(TokenKeys::new([other]).read(&old), None);
        let none = TokenKeys::new([]);
        assert_eq!((none.write(&token()), none.read(&old)), (None, None));
    }

    #[test]
    fn a_locale_that_is_no_tag_is_left_out() {
        for locale in ["", "Österreich", "de AT", "x".repeat(LANGUAGE_MAX + 1).as_str()] {
            let token = UnsubscribeToken { locale: Some(locale.to_owned()), ..token() };
            let read = TokenKeys::new([SECRET]).read(&written(SECRET, &token)).unwrap();
            assert_eq!(read.locale, None);
        }
    }

    #[test]
    fn another_version_is_refused_although_it_is_sealed() {
        let keys = TokenKeys::new([SECRET]);
        for (at, byte) in [(0, 2), (19, 0), (19, 8), (19, 255), (20, b'u'), (27, 2), (31, 6)] {
            let mut bytes = URL_SAFE_NO_PAD.decode(written(SECRET, &token())).unwrap();
            bytes.truncate(bytes.len() - SEAL);
            bytes[at] = byte;
            bytes.extend(keys.keys[0].seal(&bytes));
            assert_eq!(keys.read(&URL_SAFE_NO_PAD.encode(bytes)), None, "{at} {byte}");
        }
    }

    proptest! {
        #[test]
        fn every_token_is_read_as_it_was_written(
            hash: [u8; 16],
            kind in prop::sample::select(Kind::ALL.to_vec()),
            event in prop::option::of("[^\\x00]{0,60}"),
            locale in prop::option::of("[a-z]{2}([-_][A-Z]{2})?"),
        ) {
            let event_id = event.and_then(|key| EventId::from_text(&key).ok());
            let token = UnsubscribeToken { address: AddressHash::from_bytes(&hash).unwrap(), kind, event_id, locale };
            let text = written(SECRET, &token);
            prop_assert!(text.len() < LENGTH_MAX);
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
            prop_assert_eq!(TokenKeys::new([SECRET]).read(&text), Some(token));
        }

        #[test]
        fn any_change_is_refused(at: prop::sample::Index, to in "[A-Za-z0-9_=. -]", cut: prop::sample::Index) {
            let text = written(SECRET, &token());
            let keys = TokenKeys::new([SECRET]);
            let at = at.index(text.len());
            let mut changed = text.clone();
            changed.replace_range(at..=at, &to);
            if changed != text {
                prop_assert_eq!(keys.read(&changed), None);
            }
            prop_assert_eq!(keys.read(&text[..cut.index(text.len())]), None);
            prop_assert_eq!(keys.read(&format!("{text}{to}")), None);
        }

        #[test]
        fn any_text_is_refused(text: String, bytes: Vec<u8>) {
            let keys = TokenKeys::new([SECRET]);
            prop_assert_eq!(keys.read(&text), None);
            prop_assert_eq!(keys.read(&URL_SAFE_NO_PAD.encode(bytes)), None);
        }
    }
}
