//! The way of one mail that came to the bounce address, from top to bottom: whose it is, what it says, and what follows. It is believed
//! only as far as its token goes: the address of the recipient comes from their present row.

use crate::bounces::bounce_address::{Origin, origin};
use crate::bounces::mime::Entity;
use crate::bounces::reader;
use crate::bounces::report::Report;
use crate::bounces::status_code::Severity;
use crate::domain::address_hash::{AddressHash, AddressKey, normalized};
use crate::domain::bounce_result::BounceResult;
use crate::domain::bounce_token::{BounceKey, BounceToken};
use crate::domain::outcome::Status;
use crate::domain::suppression::{SuppressionReason, SuppressionSource};
use crate::observe::events;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::ledger::returned::{Consequence, Recorded, ReturnedMail};
use crate::store::suppressions::NewSuppression;
use crate::text::clean::{cut, one_line};
use crate::text::mask::mask;

/// Most characters of a server's words that are kept.
const DETAIL_MAX: usize = 200;

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
        let token = match origin(&mail, recipient, self.bounce_address, &self.key) {
            Origin::Ours(token) => token,
            Origin::Forged => return self.count(BounceResult::Forged, None),
            Origin::Foreign => return self.count(BounceResult::Foreign, None),
        };
        let (status, severity, code, words) = match reader::read(&mail) {
            Report::Bounce(bounce) => {
                let code = bounce.code.map(|code| code.to_string());
                (Status::Bounced, Some(bounce.severity), code, bounce.words)
            }
            Report::Complaint(kind) => (Status::Complained, None, Some(kind), String::new()),
            Report::Notice => return self.count(BounceResult::Notice, None),
            Report::AutoReply => return self.count(BounceResult::AutoReply, None),
            Report::Other => return self.count(BounceResult::Other, None),
        };
        let detail = detail(code.as_deref(), &words);
        let BounceToken { notification_id, participant_id, .. } = token;
        let consequence = self.consequence(token, severity)?;
        let mail = ReturnedMail { notification_id, participant_id, status, code, consequence };
        let recorded = self.store.record_returned(&mail)?;
        let result = match (recorded, severity) {
            (Recorded::NotYet, _) => return Ok(BounceResult::NotYet),
            (Recorded::Refused, _) => BounceResult::Refused,
            (Recorded::Repeated, _) => BounceResult::Repeated,
            (Recorded::Done { .. }, Some(Severity::Infrastructure)) => BounceResult::Infrastructure,
            (Recorded::Done { .. }, Some(_)) => BounceResult::Bounced,
            (Recorded::Done { .. }, None) => BounceResult::Complained,
        };
        let suppressed = recorded == Recorded::Done { suppressed: true };
        events::bounces::returned(result, notification_id, participant_id, &detail, suppressed);
        if result == BounceResult::Infrastructure {
            events::bounces::infrastructure(&detail);
        }
        self.count(result, Some(&detail))
    }

    fn count(&self, result: BounceResult, detail: Option<&str>) -> Result<BounceResult, StoreError> {
        self.store.count_bounce(result, detail)?;
        Ok(result)
    }

    /// What follows for the address of the recipient. `severity` is that of a bounce; `None`: the recipient has complained.
    fn consequence(&self, token: BounceToken, severity: Option<Severity>) -> Result<Consequence, StoreError> {
        if severity == Some(Severity::Infrastructure) {
            return Ok(Consequence::Nothing);
        }
        let Some((hash, address)) = self.find_address(token)? else { return Ok(Consequence::Nothing) };
        let reason =
            if severity.is_some() { SuppressionReason::Bounced } else { SuppressionReason::Complained };
        let (address, scope, source) = (Some(address), reason.usual_scope(), SuppressionSource::Mailbox);
        let new = NewSuppression { hash, address, scope, reason, source };
        Ok(if severity == Some(Severity::Soft) {
            Consequence::SuppressTheThird(new)
        } else {
            Consequence::Suppress(new)
        })
    }

    /// The address that the recipient has now, if it is the one that the mail went to, as the list keeps addresses.
    fn find_address(&self, token: BounceToken) -> Result<Option<(AddressHash, String)>, StoreError> {
        let Some(record) = self.store.find_notification(token.notification_id)? else { return Ok(None) };
        let found = self.store.find_participants(&record.notification, &[token.participant_id]);
        let people = match found {
            Err(error) if error.is_unreadable() => return Ok(None),
            people => people?,
        };
        let addresses = people.into_iter().filter_map(|person| person.email);
        Ok(addresses
            .filter_map(|address| normalized(&address))
            .map(|address| (self.address_key.hash_normalized(&address), address))
            .find(|(hash, _)| hash.as_bytes().starts_with(&token.address)))
    }
}

/// What a report says, for people: without addresses, on one line.
fn detail(code: Option<&str>, words: &str) -> String {
    let words = mask(&one_line(words));
    let text = match (code, words.is_empty()) {
        (Some(code), true) => code.to_owned(),
        (Some(code), false) => format!("{code}: {words}"),
        (None, true) => "without a code".to_owned(),
        (None, false) => words,
    };
    cut(&text, DETAIL_MAX)
}
