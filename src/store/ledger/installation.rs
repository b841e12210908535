//! The tag of this ledger, which is part of Message-IDs, and the key of the hashes of addresses. The migration makes the tag, fanmail the
//! key when it needs it first; nothing changes them.

use diesel::dsl::exists;
use diesel::prelude::*;

use crate::domain::address_hash::AddressKey;
use crate::domain::ids::NotificationId;
use crate::domain::installation::Installation;
use crate::hmac::random_key;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::schema::{installation, suppressions};

/// What could not be done about the key.
const READ_KEY: &str = "read the key of address hashes";
const MAKE_KEY: &str = "make the key of address hashes";

impl Store {
    /// Reads the tag of this ledger. It never changes, so once for each process is enough.
    ///
    /// # Errors
    /// When the database does not answer, or the row was removed.
    pub fn find_installation(&self) -> Result<Installation, StoreError> {
        let found = self.run("read the tag of this installation", |connection| {
            installation::table
                .select((installation::id, installation::untagged_up_to))
                .first::<(String, NotificationId)>(connection)
                .optional()
        })?;
        let Some((tag, untagged_up_to)) = found else {
            return Err(StoreError::no_installation());
        };
        Ok(Installation { tag, untagged_up_to })
    }

    /// The key of the hashes. It is made when it is asked for first, and never changes.
    ///
    /// # Errors
    /// When the database does not answer, the row of `installation` was removed, or its key is none or lost.
    pub fn address_key(&self) -> Result<AddressKey, StoreError> {
        if let Some((key, has_suppressions)) = self.read_key()?
            && (key.is_some() || has_suppressions)
        {
            return parse_key(key.as_deref());
        }
        let bytes = random_key().map_err(|error| StoreError::new(MAKE_KEY, &error))?;
        let key = bytes.map(|byte| format!("{byte:02x}")).concat();
        // Of two processes, one is first.
        self.write(MAKE_KEY, |connection| {
            let unset = installation::table.filter(installation::address_key.is_null());
            diesel::update(unset).set(installation::address_key.eq(&key)).execute(connection).map(drop)
        })?;
        self.read_key()?
            .map_or_else(|| Err(StoreError::no_installation()), |(key, _)| parse_key(key.as_deref()))
    }

    /// The key of the hashes, if an address is on the list: one short query before each page of a fan-out.
    ///
    /// # Errors
    /// When the database does not answer, or the key is none or lost: then no address on the list could be found.
    pub fn find_key_of_suppressions(&self) -> Result<Option<AddressKey>, StoreError> {
        match self.read_key()? {
            Some((key, true)) => parse_key(key.as_deref()).map(Some),
            _ => Ok(None),
        }
    }

    /// The key, if there is one, and whether an address is on the list.
    fn read_key(&self) -> Result<Option<(Option<String>, bool)>, StoreError> {
        self.run(READ_KEY, |connection| {
            let has_suppressions = exists(suppressions::table.select(suppressions::scope));
            installation::table
                .select((installation::address_key, has_suppressions))
                .first(connection)
                .optional()
        })
    }
}

fn parse_key(key: Option<&str>) -> Result<AddressKey, StoreError> {
    key.and_then(AddressKey::from_hex).ok_or_else(|| {
        let hint = "restore it from a backup: with another key, no suppression is found any more";
        StoreError::new(READ_KEY, &"installation.address_key is not 64 hexadecimal digits")
            .with_hint(hint.to_owned())
    })
}
