//! Which addresses get no mail of a kind about an event: by the list, and by the application's `optouts`. What becomes of their mails is
//! left to `worker/fan_out/eligibility`.

use std::collections::{BTreeSet, HashMap};

use diesel::prelude::*;

use crate::domain::address_hash::{AddressHash, AddressKey, normalized};
use crate::domain::ids::EventId;
use crate::domain::kind::Kind;
use crate::domain::suppression::{SuppressionReason, SuppressionScope};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::schema::{INSERT_ROWS, suppressions};
use crate::store::suppressions::{bytes, read_hash};

/// Where addresses are looked for, if some may get no mail.
#[derive(Debug, Clone)]
pub struct SuppressionLookup {
    /// The key of the hashes, if an address is on the list.
    key: Option<AddressKey>,
    /// Whether the application is asked, too.
    optouts: bool,
}

impl Store {
    /// Where addresses are to be looked for before a page of mails, with or without the application's `optouts`. `None`: no address
    /// is suppressed. That is one short query.
    ///
    /// # Errors
    /// When the database does not answer, or the key of the hashes is none.
    pub fn suppression_lookup(&self, optouts: bool) -> Result<Option<SuppressionLookup>, StoreError> {
        let key = self.find_key_of_suppressions()?;
        Ok((key.is_some() || optouts).then_some(SuppressionLookup { key, optouts }))
    }

    /// Those of these addresses, as they are written, that get no mail of this kind about this event, with the reason. What is on the list
    /// comes before what the application says.
    ///
    /// # Errors
    /// When `optouts` cannot be read: the error is unreadable data. When the database does not answer.
    pub fn find_reasons(
        &self,
        lookup: &SuppressionLookup,
        addresses: &[&str],
        kind: Kind,
        event_id: Option<EventId>,
    ) -> Result<HashMap<String, SuppressionReason>, StoreError> {
        let asked: Vec<(&str, String)> =
            addresses.iter().filter_map(|address| Some((*address, normalized(address)?))).collect();
        let mut reasons: HashMap<String, SuppressionReason> = HashMap::new();
        if lookup.optouts {
            let forms: BTreeSet<String> = asked.iter().flat_map(forms).collect();
            let forms: Vec<&str> = forms.iter().map(String::as_str).collect();
            let stopping =
                self.find_optouts(&forms)?.into_iter().filter(|(_, scope)| scope.stops(kind, event_id));
            reasons.extend(stopping.map(|(normalized, _)| (normalized, SuppressionReason::OptedOut)));
        }
        if let Some(key) = &lookup.key {
            let hashes: Vec<AddressHash> =
                asked.iter().map(|(_, normalized)| key.hash_normalized(normalized)).collect();
            let found = self.find_suppressed(&hashes, kind, event_id)?;
            let reason = |((_, normalized), hash): (&(&str, String), &AddressHash)| {
                found.get(hash).map(|reason| (normalized.clone(), *reason))
            };
            reasons.extend(asked.iter().zip(&hashes).filter_map(reason));
        }
        let of_written = |(written, normalized): (&str, String)| {
            reasons.get(&normalized).map(|reason| (written.to_owned(), *reason))
        };
        Ok(if reasons.is_empty() {
            HashMap::new()
        } else {
            asked.into_iter().filter_map(of_written).collect()
        })
    }

    /// Those of these addresses that get no mail of this kind about this event, with the reason of the widest scope.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn find_suppressed(
        &self,
        hashes: &[AddressHash],
        kind: Kind,
        event_id: Option<EventId>,
    ) -> Result<HashMap<AddressHash, SuppressionReason>, StoreError> {
        let scopes: Vec<String> =
            SuppressionScope::stopping(kind, event_id).into_iter().map(SuppressionScope::word).collect();
        let rank = |scope: &String| scopes.iter().position(|one| one == scope);
        self.run("look for suppressed addresses", |connection| {
            let mut rows: Vec<(Vec<u8>, String, String)> = Vec::new();
            for hashes in hashes.chunks(INSERT_ROWS) {
                let found = suppressions::table
                    .filter(suppressions::address_hash.eq_any(hashes.iter().map(bytes)))
                    .filter(suppressions::scope.eq_any(&scopes))
                    .select((suppressions::address_hash, suppressions::scope, suppressions::reason))
                    .load(connection)?;
                rows.extend(found);
            }
            rows.sort_by_key(|(_, scope, _)| std::cmp::Reverse(rank(scope)));
            // A word that another program has written stops the mail as well.
            let reason =
                |word: &str| SuppressionReason::from_word(word).unwrap_or(SuppressionReason::Blocked);
            rows.iter().map(|(hash, _, word)| Ok((read_hash(hash)?, reason(word)))).collect()
        })
    }
}

/// The ways in which the application may write an address: as it stands in its other tables, in small letters, and normalised. The last
/// two differ where the domain is not ASCII.
fn forms((written, normalized): &(&str, String)) -> [String; 3] {
    let written = written.trim();
    [written.to_owned(), written.to_lowercase(), normalized.clone()]
}
