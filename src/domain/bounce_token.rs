//! What the envelope sender of a mail says about it (VERP): notification, recipient, a few bytes of the address hash, and a code that
//! only this installation can make. Finding it in a mail that comes back is left to `bounces`.

use crate::config::email::bounce_address::LOCAL_PART_MAX;
use crate::domain::address_hash::{AddressHash, AddressKey};
use crate::domain::ids::{NotificationId, ParticipantId};
use crate::hmac::{HmacKey, are_equal};

/// Bytes of the address hash that a token has: enough to tell the address of a recipient from the one that they have now.
pub const HASH_PREFIX: usize = 4;

/// Bytes of the code: 64 bits, and each guess takes a mail.
const MAC: usize = 8;

/// Bytes of the longest token: one with two lengths, two numbers of 8 bytes, the hash and the code.
const LONGEST: usize = 1 + 8 + 8 + HASH_PREFIX + MAC;

/// Most octets of the local part of an address (RFC 5321 section 4.5.3.1.1).
pub const LOCAL_PART: usize = 64;

// The longest token fits behind each `BOUNCE_ADDRESS`.
const _: () = assert!(LOCAL_PART_MAX + 1 + (LONGEST * 8).div_ceil(5) <= LOCAL_PART);

/// RFC 4648 section 6, in small letters: mail systems change capitals of a local part.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The key of the codes. It is made of the key of the address hashes, so that there is no other secret to keep: who has that one has
/// the database anyway.
#[derive(Debug, Clone)]
pub struct BounceKey(HmacKey);

impl BounceKey {
    /// The key that belongs to the key of the address hashes.
    #[must_use]
    pub fn new(address_key: &AddressKey) -> Self {
        Self(address_key.derive("fanmail: bounce addresses, version 1"))
    }
}

/// Which mail it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BounceToken {
    /// Its notification.
    pub notification_id: NotificationId,
    /// Its recipient: the application's key, or the number in the ledger if that is text.
    pub participant_id: ParticipantId,
    /// How the hash of the address begins that the mail went to.
    pub address: [u8; HASH_PREFIX],
}

/// A text is no token of this installation: its code is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forged;

impl BounceToken {
    /// The token of a mail to the address with this hash. Without one, the bytes of the address are zeros.
    #[must_use]
    pub fn new(
        notification_id: NotificationId,
        participant_id: ParticipantId,
        hash: Option<AddressHash>,
    ) -> Self {
        let mut address = [0; HASH_PREFIX];
        if let Some(hash) = hash {
            address.copy_from_slice(&hash.as_bytes()[..HASH_PREFIX]);
        }
        Self { notification_id, participant_id, address }
    }

    /// The text behind the `+`, of small letters and digits.
    #[must_use]
    pub fn to_text(self, key: &BounceKey) -> String {
        let mut bytes = Vec::with_capacity(LONGEST);
        let numbers =
            [self.notification_id.0, self.participant_id.0].map(|number| zigzag(number).to_be_bytes());
        let [first, second] = numbers.each_ref().map(without_zeros);
        // At most 8 each. Larger lengths are left for other forms of tokens.
        bytes.push(u8::try_from(first.len() << 4 | second.len()).unwrap_or_default());
        bytes.extend_from_slice(first);
        bytes.extend_from_slice(second);
        bytes.extend_from_slice(&self.address);
        let mac = key.0.mac(&bytes);
        bytes.extend_from_slice(&mac[..MAC]);
        encode(&bytes)
    }

    /// Reads what [`Self::to_text`] has written, in small letters or capitals.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn from_text(text: &str, key: &BounceKey) -> Result<Self, Forged> {
        let bytes = decode(text).ok_or(Forged)?;
        let (content, mac) = bytes.split_last_chunk::<MAC>().ok_or(Forged)?;
        if !are_equal(&key.0.mac(content)[..MAC], mac) {
            return Err(Forged);
        }
        let (rest, address) = content.split_last_chunk::<HASH_PREFIX>().ok_or(Forged)?;
        let (lengths, numbers) = rest.split_first().ok_or(Forged)?;
        let (first, second) = numbers.split_at_checked(usize::from(lengths >> 4)).ok_or(Forged)?;
        if second.len() != usize::from(lengths & 0x0f) {
            return Err(Forged);
        }
        let [notification_id, participant_id] = [first, second].map(number);
        Ok(Self {
            notification_id: NotificationId(notification_id.ok_or(Forged)?),
            participant_id: ParticipantId(participant_id.ok_or(Forged)?),
            address: *address,
        })
    }
}

/// Numbers that are small are short, also negative ones.
fn zigzag(number: i64) -> u64 {
    number.wrapping_shl(1).cast_unsigned() ^ (number >> 63).cast_unsigned()
}

fn without_zeros(bytes: &[u8; 8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}

fn number(bytes: &[u8]) -> Option<i64> {
    let mut all = [0; 8];
    all.get_mut(8_usize.checked_sub(bytes.len())?..)?.copy_from_slice(bytes);
    let number = u64::from_be_bytes(all);
    Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
}

/// Base32 without padding.
fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity((bytes.len() * 8).div_ceil(5));
    let (mut bits, mut count) = (0_u32, 0);
    for byte in bytes {
        bits = bits << 8 | u32::from(*byte);
        count += 8;
        while count >= 5 {
            count -= 5;
            text.push(letter(bits >> count));
        }
        bits &= (1 << count) - 1;
    }
    if count > 0 {
        text.push(letter(bits << (5 - count)));
    }
    text
}

fn letter(bits: u32) -> char {
    char::from(ALPHABET[(bits & 31) as usize])
}

/// `None` for other characters, and for a text that [`encode`] does not write.
fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 5 / 8);
    let (mut bits, mut count) = (0_u32, 0);
    for letter in text.bytes() {
        let value = ALPHABET.iter().position(|known| *known == letter.to_ascii_lowercase())?;
        bits = bits << 5 | u32::try_from(value).ok()?;
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
        bits &= (1 << count) - 1;
    }
    (bits == 0 && count < 5).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> BounceKey {
        BounceKey::new(&AddressKey::from_hex(&"0123456789abcdef".repeat(4)).unwrap())
    }

    fn tokens() -> impl Strategy<Value = BounceToken> {
        (any::<i64>(), any::<i64>(), any::<[u8; HASH_PREFIX]>(), 0..64_u32).prop_map(
            |(first, second, address, shift)| BounceToken {
                notification_id: NotificationId(first >> shift),
                participant_id: ParticipantId(second >> shift),
                address,
            },
        )
    }

    proptest! {
        #[test]
        fn a_token_is_short_and_is_read_in_any_case(token in tokens()) {
            let text = token.to_text(&key());
            prop_assert!(text.len() + 1 + LOCAL_PART_MAX <= LOCAL_PART);
            prop_assert!(text.bytes().all(|byte| ALPHABET.contains(&byte)));
            prop_assert_eq!(BounceToken::from_text(&text, &key()), Ok(token));
            prop_assert_eq!(BounceToken::from_text(&text.to_uppercase(), &key()), Ok(token));
        }

        #[test]
        fn any_change_is_refused(token in tokens(), at in 0..100_usize, other in 0..32_usize, what in 0..3) {
            let text = token.to_text(&key());
            let mut changed = text.clone().into_bytes();
            let (at, other) = (at % changed.len(), ALPHABET[other]);
            match what {
                0 => changed[at] = other,
                1 => changed.insert(at, other),
                _ => drop(changed.remove(at)),
            }
            let changed = String::from_utf8(changed).unwrap();
            prop_assume!(changed != text);
            prop_assert_eq!(BounceToken::from_text(&changed, &key()), Err(Forged));
        }

        #[test]
        fn no_text_is_taken_for_a_token(text in "[a-zA-Z2-7]{0,56}|.{0,40}") {
            prop_assert_eq!(BounceToken::from_text(&text, &key()), Err(Forged));
        }
    }

    #[test]
    fn a_token_of_another_installation_is_forged() {
        let token = BounceToken {
            notification_id: NotificationId(7),
            participant_id: ParticipantId(34),
            address: [1, 2, 3, 4],
        };
        let other = BounceKey::new(&AddressKey::from_hex(&"00".repeat(32)).unwrap());
        assert_eq!(BounceToken::from_text(&token.to_text(&other), &key()), Err(Forged));
        assert_eq!(token.to_text(&key()).len(), 24);
        let longest =
            BounceToken { notification_id: NotificationId::MIN, participant_id: ParticipantId::MIN, ..token };
        assert_eq!(longest.to_text(&key()).len() + 1 + LOCAL_PART_MAX, LOCAL_PART);
    }
}
