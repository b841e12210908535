//! One line of a file with suppressions: which column is which, and what a line says. A reason never has the address.

use anyhow::bail;
use csv::ByteRecord;

use crate::domain::address;
use crate::domain::address_hash::{AddressHash, AddressKey, normalized};
use crate::domain::event_key_type::EventKeyType;
use crate::domain::suppression::{SuppressionReason, SuppressionScope, SuppressionSource};
use crate::store::suppressions::NewSuppression;
use crate::text::clean::{cut, one_line};
use crate::text::mask::masked_line;

/// The headers that a file may have. What is behind the first four is in an export, and is not read.
const KNOWN: [&str; 7] = ["address", "email", "scope", "reason", "address_hash", "source", "created_at"];

/// What is the same for all lines.
pub struct Defaults {
    /// The key of the hashes.
    pub key: AddressKey,
    /// Which keys events have.
    pub event_keys: EventKeyType,
    /// For lines without a scope. `None`: that of the reason.
    pub scope: Option<SuppressionScope>,
    /// For lines without a reason.
    pub reason: SuppressionReason,
}

/// The places of the columns.
#[derive(Debug, PartialEq, Eq)]
pub struct Columns {
    address: Option<usize>,
    hash: Option<usize>,
    scope: Option<usize>,
    reason: Option<usize>,
}

/// Whether a file may have the header.
pub fn is_known(header: &str) -> bool {
    KNOWN.contains(&fold(header).as_str())
}

impl Columns {
    /// Finds them.
    ///
    /// # Errors
    /// When there is no column with addresses, or one that is not known.
    pub fn find(headers: &[String]) -> anyhow::Result<Self> {
        let shown = |header: &String| format!("\"{}\"", cut(masked_line(header), 40));
        if let Some(unknown) = headers.iter().find(|header| !header.is_empty() && !is_known(header)) {
            bail!("the header {} is unknown; known are {}", shown(unknown), KNOWN.join(", "));
        }
        let place = |name: &str| headers.iter().position(|header| fold(header) == name);
        let (address, hash) = (place("address").or_else(|| place("email")), place("address_hash"));
        if address.is_none() && hash.is_none() {
            let found: Vec<String> = headers.iter().map(shown).collect();
            bail!("the first line has no header address (or email); found {}", found.join(", "));
        }
        Ok(Self { address, hash, scope: place("scope"), reason: place("reason") })
    }

    /// What a line says.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn read(&self, record: &ByteRecord, defaults: &Defaults) -> Result<NewSuppression, Vec<String>> {
        let (address, scope) = (self.read_address(record, defaults), self.read_scope(record, defaults));
        let reason = self.read_reason(record, defaults);
        match (address, scope, reason) {
            (Ok((hash, address)), Ok(scope), Ok(reason)) => {
                let scope = scope.unwrap_or_else(|| reason.usual_scope());
                Ok(NewSuppression { hash, address, scope, reason, source: SuppressionSource::Import })
            }
            (address, scope, reason) => {
                Err([address.err(), scope.err(), reason.err()].into_iter().flatten().collect())
            }
        }
    }

    fn read_address(
        &self,
        record: &ByteRecord,
        defaults: &Defaults,
    ) -> Result<(AddressHash, Option<String>), String> {
        if let Some(text) = value(record, self.address, "address")? {
            let Some(normalized) = normalized(&text) else {
                return Err(address::parse(&text).err().map_or_else(String::new, |error| error.to_string()));
            };
            return Ok((defaults.key.hash_normalized(&normalized), Some(normalized)));
        }
        match value(record, self.hash, "address_hash")? {
            None => Err("the address is empty".to_owned()),
            Some(text) => {
                let hash = AddressHash::from_hex(&text);
                Ok((hash.ok_or("address_hash is not 32 hexadecimal digits")?, None))
            }
        }
    }

    fn read_scope(
        &self,
        record: &ByteRecord,
        defaults: &Defaults,
    ) -> Result<Option<SuppressionScope>, String> {
        let scope = match value(record, self.scope, "scope")? {
            None => defaults.scope,
            Some(word) => Some(SuppressionScope::from_word(&word).map_err(|bad| one_line(&bad.to_string()))?),
        };
        Ok(match scope {
            Some(SuppressionScope::Event(event_id)) => {
                let accepted = defaults.event_keys.accept(event_id);
                Some(SuppressionScope::Event(accepted.map_err(|bad| format!("scope: the event key: {bad}"))?))
            }
            scope => scope,
        })
    }

    fn read_reason(&self, record: &ByteRecord, defaults: &Defaults) -> Result<SuppressionReason, String> {
        let Some(word) = value(record, self.reason, "reason")? else { return Ok(defaults.reason) };
        SuppressionReason::from_word(&word.to_ascii_lowercase())
            .ok_or_else(|| format!("reason is none of {}", SuppressionReason::words()))
    }
}

/// The text without blanks around it; `None` if nothing is left, or there is no such column.
fn value(record: &ByteRecord, place: Option<usize>, name: &str) -> Result<Option<String>, String> {
    let bytes = place.and_then(|place| record.get(place)).unwrap_or_default();
    let text = std::str::from_utf8(bytes)
        .map_err(|_| format!("{name} is not UTF-8 (save the file as \"CSV UTF-8\")"))?;
    Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
}

fn fold(header: &str) -> String {
    header.trim().to_lowercase().replace([' ', '-'], "_").replace("e_mail", "email")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults() -> Defaults {
        Defaults {
            key: AddressKey::from_hex(&"01".repeat(32)).unwrap(),
            event_keys: EventKeyType::Number,
            scope: None,
            reason: SuppressionReason::Blocked,
        }
    }

    fn read(headers: &[&str], values: &[&[u8]]) -> Result<NewSuppression, String> {
        let headers: Vec<String> = headers.iter().map(|header| (*header).to_owned()).collect();
        let columns = Columns::find(&headers).map_err(|error| error.to_string())?;
        columns.read(&ByteRecord::from(values.to_vec()), &defaults()).map_err(|reasons| reasons.join("; "))
    }

    #[test]
    fn a_line_says_whose_mails_are_stopped() {
        let hash = defaults().key.hash("ann@example.org").unwrap();
        let expected = NewSuppression {
            hash,
            address: Some("ann@example.org".to_owned()),
            scope: SuppressionScope::All,
            reason: SuppressionReason::Blocked,
            source: SuppressionSource::Import,
        };
        assert_eq!(
            read(&["Mail"], &[b"x"]).unwrap_err().split(';').next(),
            Some("the header \"Mail\" is unknown")
        );
        assert_eq!(read(&["E-Mail"], &[b" Ann@Example.org "]), Ok(expected.clone()));
        let bounced = NewSuppression {
            scope: SuppressionScope::Everything,
            reason: SuppressionReason::Bounced,
            ..expected.clone()
        };
        assert_eq!(
            read(&["reason", "address", "scope"], &[b"Bounced", b"ann@example.org", b""]),
            Ok(bounced)
        );
        let headers = ["address", "scope", "reason", "source", "created_at", "address_hash"];
        let digits = hash.to_string();
        let by_hash =
            read(&headers, &[b"", b"kind:reminder", b"unsubscribed", b"link", b"", digits.as_bytes()]);
        let by_hash = by_hash.unwrap();
        assert_eq!((by_hash.hash, by_hash.address), (hash, None));
        assert_eq!(by_hash.scope.word(), "kind:REMINDER");
    }

    #[test]
    fn all_that_is_wrong_is_told_without_the_address() {
        let headers = ["address", "scope", "reason"];
        let reasons = read(&headers, &[b"secret", b"event:ball", b"spam"]).unwrap_err();
        assert!(
            reasons.starts_with("the address has no @; scope: the event key: it is not a whole number"),
            "{reasons}"
        );
        assert!(reasons.ends_with(
            "; reason is none of unsubscribed, opted-out, bounced, complained, refused, blocked, erased"
        ));
        assert_eq!(read(&headers, &[b"", b"all", b""]).unwrap_err(), "the address is empty");
        assert!(read(&headers, &[b"s\xe9cret@x.org"]).unwrap_err().starts_with("address is not UTF-8"));
        assert!(read(&["address"], &[b"secret@x.org", b""]).is_ok());
        let without = read(&["scope", "reason"], &[]).unwrap_err();
        assert_eq!(without, "the first line has no header address (or email); found \"scope\", \"reason\"");
        assert_eq!(
            read(&["address_hash"], &[b"12"]).unwrap_err(),
            "address_hash is not 32 hexadecimal digits"
        );
    }
}
