//! Addresses of which the relay says that they do not exist: they get no further mail. Whether the relay is believed is left to the
//! breaker, the list to `store::suppressions`.

use crate::domain::address_hash::normalized;
use crate::domain::suppression::{SuppressionReason, SuppressionSource};
use crate::store::Store;
use crate::store::suppressions::NewSuppression;

/// What is added to the list, with the outcomes. None if the database does not answer: an address that is mailed again is refused again.
pub(super) fn suppressions(store: &Store, addresses: &[String]) -> Vec<NewSuppression> {
    if addresses.is_empty() {
        return Vec::new();
    }
    let key = match store.address_key() {
        Ok(key) => key,
        Err(error) => {
            log::warn!(
                "{} refused addresses are not suppressed: {error}; each is when the relay refuses it again",
                addresses.len()
            );
            return Vec::new();
        }
    };
    let reason = SuppressionReason::Refused;
    let suppression = |address: &String| {
        let address = normalized(address)?;
        Some(NewSuppression {
            hash: key.hash_normalized(&address),
            // A database with another encoding than UTF-8 would refuse others, and with them the outcomes.
            address: Some(address).filter(|address| address.is_ascii()),
            scope: reason.usual_scope(),
            reason,
            source: SuppressionSource::Relay,
        })
    };
    addresses.iter().filter_map(suppression).collect()
}

/// Adds them by themselves, after a batch that has failed. That is tried once: an address that is mailed again is refused again.
pub(super) fn add(store: &Store, suppressions: &[NewSuppression]) {
    if let Err(error) = store.add_suppressions(suppressions) {
        log::warn!(
            "{} refused addresses are not suppressed: {error}; each is when the relay refuses it again",
            suppressions.len()
        );
    }
}
