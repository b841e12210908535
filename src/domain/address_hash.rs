//! The hash that stands for a mail address where the address itself is not kept: in the list of suppressions, in links and in return
//! addresses. Which form of an address is hashed; the key is the ledger's (`store::suppressions`).

use std::fmt;

use crate::domain::address::comparable;
use crate::hmac::{HmacKey, KEY_LENGTH};

/// Bytes of a hash: two addresses with one hash are not to be expected among 2^64.
pub const HASH_LENGTH: usize = 16;

/// The key of an installation. Without it, a hash says nothing about an address that an attacker guesses.
#[derive(Debug, Clone)]
pub struct AddressKey(HmacKey);

/// Stands for one address: the first bytes of the HMAC of its comparable form.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressHash([u8; HASH_LENGTH]);

impl AddressKey {
    /// The key that is written so, as the ledger keeps it: in hexadecimal digits.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let bytes = bytes_of_hex(text)?;
        (bytes.len() == KEY_LENGTH).then(|| Self(HmacKey::new(&bytes)))
    }

    /// A key of no installation, for links that look like others, but stop no mails of any recipient.
    #[must_use]
    pub fn sample() -> Self {
        Self(HmacKey::new(&[]))
    }

    /// The hash of an address in any form; `None` if no mail can be sent to it.
    #[must_use]
    pub fn hash(&self, address: &str) -> Option<AddressHash> {
        normalized(address).map(|address| self.hash_normalized(&address))
    }

    /// The hash of an address that [`normalized`] has returned.
    #[must_use]
    pub fn hash_normalized(&self, address: &str) -> AddressHash {
        let mut hash = [0; HASH_LENGTH];
        hash.copy_from_slice(&self.0.mac(address.as_bytes())[..HASH_LENGTH]);
        AddressHash(hash)
    }

    /// A key for another purpose, from which this one cannot be found. The purpose must look like no address.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> HmacKey {
        HmacKey::new(&self.0.mac(purpose.as_bytes()))
    }
}

/// The form of an address that is hashed: as two addresses are compared for one mail each, and in small letters throughout. Only few
/// systems tell `Ann@` from `ann@`, and a person who wants no mail may have written it otherwise than the application. `None` if no mail
/// can be sent to it.
#[must_use]
pub fn normalized(address: &str) -> Option<String> {
    let address = comparable(address)?;
    Some(if address.is_ascii() { address.to_ascii_lowercase() } else { address.to_lowercase() })
}

impl AddressHash {
    /// The hash with these bytes, if they are as many.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The hash that is written so.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        Self::from_bytes(&bytes_of_hex(text)?)
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; HASH_LENGTH] {
        &self.0
    }
}

fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let byte = |at: usize| {
        let digits =
            text.get(at..at + 2).filter(|byte| byte.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        u8::from_str_radix(digits, 16).ok()
    };
    (0..text.len()).step_by(2).map(byte).collect()
}

/// In hexadecimal digits.
impl fmt::Display for AddressHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for AddressHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AddressHash({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> AddressKey {
        AddressKey::from_hex(&"0123456789abcdef".repeat(4)).unwrap()
    }

    #[test]
    fn every_way_to_write_an_address_has_one_hash() {
        let hash = key().hash("jo@xn--bcher-kva.example");
        assert!(hash.is_some());
        for same in [" jo@b\u{fc}cher.example\r\n", "JO@B\u{dc}CHER.example", "Jo@XN--BCHER-KVA.example"] {
            assert_eq!(key().hash(same), hash, "{same}");
        }
        assert_eq!(key().hash("J\u{dc}@example.org"), key().hash("j\u{fc}@example.org"));
        for other in ["jo+x@xn--bcher-kva.example", "jo@bucher.example", "j.o@b\u{fc}cher.example"] {
            assert_ne!(key().hash(other), hash, "{other}");
        }
        for none in ["", "jo", "jo@", "jo@one@two", "jo smith@example.org", "jo@exam\u{ad}ple.org"] {
            assert_eq!(key().hash(none), None, "{none}");
        }
    }

    /// Rows that are in databases must be found by later versions.
    #[test]
    fn a_hash_stays_the_same() {
        let hash = key().hash("Ann@Example.org").unwrap();
        assert_eq!(hash.to_string(), "fa5289c09c800587ecbe2a00acedfbcc");
        assert_eq!(AddressHash::from_bytes(hash.as_bytes()), Some(hash));
        assert_eq!(AddressHash::from_hex(&hash.to_string()), Some(hash));
        assert_eq!(AddressHash::from_hex("fa52"), None);
        assert_eq!(AddressHash::from_bytes(&[0; 15]), None);
    }

    #[test]
    fn a_key_is_32_bytes_in_hexadecimal() {
        assert!(AddressKey::from_hex(&"0A".repeat(32)).is_some());
        for bad in [
            "",
            "0",
            &"0".repeat(63),
            &"0".repeat(66),
            &"+1".repeat(32),
            &"g0".repeat(32),
            &"\u{e9}".repeat(32),
        ] {
            assert!(AddressKey::from_hex(bad).is_none(), "{bad}");
        }
    }
}
