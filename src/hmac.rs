//! HMAC-SHA256 (RFC 2104) with a key that is used many times, random keys, and comparing results. Which keys there are, and what is
//! authenticated with them, is left to others.

use std::fmt;

use openssl::error::ErrorStack;
use openssl::memcmp;
use openssl::rand::rand_bytes;
use openssl::sha::{Sha256, sha256};

/// Bytes of a result.
pub const MAC_LENGTH: usize = 32;

/// Bytes of a random key: a longer one would add nothing (RFC 2104 section 3).
pub const KEY_LENGTH: usize = 32;

/// Bytes that SHA-256 takes at once.
const BLOCK: usize = 64;

/// A key, ready for use: OpenSSL's own HMAC begins anew with each text, which takes many times as long as the two blocks of an address.
#[derive(Clone)]
pub struct HmacKey {
    inner: Sha256,
    outer: Sha256,
}

impl HmacKey {
    /// A key of any length.
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        let mut block = [0; BLOCK];
        let hashed = sha256(key);
        let key = if key.len() > BLOCK { hashed.as_slice() } else { key };
        block[..key.len()].copy_from_slice(key);
        let begin = |pad: u8| {
            let mut hash = Sha256::new();
            hash.update(&block.map(|byte| byte ^ pad));
            hash
        };
        Self { inner: begin(0x36), outer: begin(0x5c) }
    }

    /// The code of `data`.
    #[must_use]
    pub fn mac(&self, data: &[u8]) -> [u8; MAC_LENGTH] {
        let (mut inner, mut outer) = (self.inner.clone(), self.outer.clone());
        inner.update(data);
        outer.update(&inner.finish());
        outer.finish()
    }
}

/// Without the key.
impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HmacKey(***)")
    }
}

/// Whether both are the same, in a time that does not tell where they differ. A code may be cut: then both have the same length.
#[must_use]
pub fn are_equal(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && memcmp::eq(one, other)
}

/// A key that cannot be guessed.
///
/// # Errors
/// When the system gives no random bytes.
pub fn random_key() -> Result<[u8; KEY_LENGTH], ErrorStack> {
    let mut key = [0; KEY_LENGTH];
    rand_bytes(&mut key)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mac(key: &[u8], data: &[u8]) -> String {
        HmacKey::new(key).mac(data).map(|byte| format!("{byte:02x}")).concat()
    }

    /// RFC 4231, sections 4.2 to 4.8.
    #[test]
    fn the_codes_are_those_of_the_standard() {
        let counting: Vec<u8> = (1..=25).collect();
        let long = b"This is a test using a larger than block-size key and a larger than block-size data. The key needs to be \
                     hashed before being used by the HMAC algorithm.";
        for (key, data, expected) in [
            (
                &[0x0b; 20][..],
                &b"Hi There"[..],
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (&[0xaa; 20], &[0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
            (&counting, &[0xcd; 50], "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
            (
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (&[0xaa; 131], long, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"),
        ] {
            assert_eq!(mac(key, data), expected);
        }
    }

    #[test]
    fn a_key_is_used_again_and_not_shown() {
        let key = HmacKey::new(b"secret");
        assert_eq!(key.mac(b"a"), key.mac(b"a"));
        assert_ne!(key.mac(b"a"), key.mac(b"b"));
        assert_eq!(format!("{key:?}"), "HmacKey(***)");
        assert_ne!(random_key().unwrap(), random_key().unwrap());
    }

    #[test]
    fn codes_of_different_lengths_are_not_equal() {
        assert!(are_equal(b"abc", b"abc") && are_equal(b"", b""));
        assert!(!are_equal(b"abc", b"abd") && !are_equal(b"abc", b"ab") && !are_equal(b"", b"a"));
    }
}
