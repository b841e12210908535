//! What several of the verbs take: addresses, scopes and reasons.

use anyhow::{Context as _, bail};

use crate::domain::address::parse;
use crate::domain::address_hash::{AddressHash, AddressKey, normalized};
use crate::domain::suppression::{SuppressionReason, SuppressionScope};
use crate::store::Store;
use crate::store::error::StoreError;

/// An address of the command line, as the list keeps it.
pub(super) struct KnownAddress {
    pub hash: AddressHash,
    pub normalized: String,
}

/// All of these addresses.
///
/// # Errors
/// Names the first one to which no mail can be sent.
pub(super) fn read_addresses(addresses: &[String], key: &AddressKey) -> anyhow::Result<Vec<KnownAddress>> {
    let read = |address: &String| {
        let Some(normalized) = normalized(address) else {
            let reason = parse(address).err().map(|error| error.to_string()).unwrap_or_default();
            bail!("nothing was changed: {reason}: {address:?}");
        };
        Ok(KnownAddress { hash: key.hash_normalized(&normalized), normalized })
    };
    addresses.iter().map(read).collect()
}

/// The scope as the database writes the key of its event.
pub(super) fn accept_scope(store: &Store, scope: SuppressionScope) -> Result<SuppressionScope, StoreError> {
    match scope {
        SuppressionScope::Event(event_id) => store.accept_event(event_id).map(SuppressionScope::Event),
        scope => Ok(scope),
    }
}

pub(super) fn parse_scope(word: &str) -> Result<SuppressionScope, String> {
    SuppressionScope::from_word(word.trim()).map_err(|bad| bad.to_string())
}

pub(super) fn parse_reason(word: &str) -> Result<SuppressionReason, String> {
    let reason = SuppressionReason::from_word(&word.trim().to_ascii_lowercase());
    reason.ok_or_else(|| format!("expected one of {}", SuppressionReason::words()))
}

/// The key of the hashes, which a new list gets now.
pub(super) fn address_key(store: &Store) -> anyhow::Result<AddressKey> {
    store.address_key().context("cannot use the list")
}
