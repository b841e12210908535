//! The way of one mail that came to the bounce address, from top to bottom: whose it is, what it says, and what follows. It is believed
//! only as far as its token goes. Writing it down is left to `recorder`.

use crate::bounces::bounce_address::{Origin, origin};
use crate::bounces::mime::Entity;
use crate::bounces::reader;
use crate::bounces::recorder::{Recorder, Taken};
use crate::domain::address_hash::AddressKey;
use crate::domain::bounce_result::BounceResult;
use crate::domain::bounce_token::BounceKey;
use crate::domain::suppression::SuppressionSource;
use crate::store::Store;
use crate::store::error::StoreError;

/// Takes mails that came to the bounce address.
pub struct Intake<'a> {
    store: &'a Store,
    bounce_address: &'a str,
    address_key: AddressKey,
    key: BounceKey,
}

impl<'a> Intake<'a> {
    /// For the mails to `BOUNCE_ADDRESS`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn new(store: &'a Store, bounce_address: &'a str) -> Result<Self, StoreError> {
        let address_key = store.address_key()?;
        let key = BounceKey::new(&address_key);
        Ok(Self { store, bounce_address, address_key, key })
    }

    /// Takes a mail. `recipient` is the address that the mail server has passed on, if it has. Taking it twice changes nothing.
    ///
    /// # Errors
    /// When the database does not answer: it is to be taken again.
    pub fn take(&self, raw: &[u8], recipient: Option<&str>) -> Result<BounceResult, StoreError> {
        let mail = Entity::new(raw);
        let recorder = Recorder::new(self.store, &self.address_key, SuppressionSource::Mailbox);
        let taken = match origin(&mail, recipient, self.bounce_address, &self.key) {
            Origin::Ours(token) => recorder.record(token, reader::read(&mail))?,
            Origin::Forged => BounceResult::Forged.into(),
            Origin::Foreign => BounceResult::Foreign.into(),
        };
        let Taken { result, detail } = taken;
        if result != BounceResult::NotYet {
            self.store.count_bounces(result, 1, detail.as_deref())?;
        }
        Ok(result)
    }
}
