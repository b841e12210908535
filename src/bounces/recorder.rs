//! Writes into the ledger what became of a mail, as a report says it: the outcome, and what follows for the address. It is believed only
//! that the mail came back: the address of the recipient comes from their present row.

use crate::bounces::report::Report;
use crate::bounces::status_code::Severity;
use crate::domain::address_hash::{AddressHash, AddressKey, normalized};
use crate::domain::bounce_result::BounceResult;
use crate::domain::bounce_token::BounceToken;
use crate::domain::outcome::Status;
use crate::domain::suppression::{SuppressionReason, SuppressionSource};
use crate::observe::events;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::ledger::returned::{Consequence, Recorded, ReturnedMail};
use crate::store::suppressions::NewSuppression;
use crate::text::clean::cut;
use crate::text::mask::masked_line;

/// Most characters of a server's words that are kept.
const DETAIL_MAX: usize = 200;

/// What became of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// In one word.
    pub result: BounceResult,
    /// What it says, for people, without addresses.
    pub detail: Option<String>,
}

impl From<BounceResult> for Taken {
    fn from(result: BounceResult) -> Self {
        Self { result, detail: None }
    }
}

/// Records reports.
#[derive(Debug)]
pub struct Recorder<'a> {
    store: &'a Store,
    address_key: &'a AddressKey,
    source: SuppressionSource,
}

impl<'a> Recorder<'a> {
    /// For reports of this source.
    #[must_use]
    pub fn new(store: &'a Store, address_key: &'a AddressKey, source: SuppressionSource) -> Self {
        Self { store, address_key, source }
    }

    /// Records what a report says of a mail. Doing it twice changes nothing.
    ///
    /// # Errors
    /// When the database does not answer: it is to be done again.
    pub fn record(&self, token: BounceToken, report: Report) -> Result<Taken, StoreError> {
        let (status, severity, code, words) = match report {
            Report::Bounce(bounce) => {
                let code = bounce.code.map(|code| code.to_string());
                (Status::Bounced, Some(bounce.severity), code, bounce.words)
            }
            Report::Complaint(kind) => (Status::Complained, None, Some(kind), String::new()),
            Report::Notice => return Ok(BounceResult::Notice.into()),
            Report::AutoReply => return Ok(BounceResult::AutoReply.into()),
            Report::Other => return Ok(BounceResult::Other.into()),
        };
        let detail = detail(code.as_deref(), &words);
        let BounceToken { notification_id, participant_id, .. } = token;
        let consequence = self.consequence(token, severity)?;
        let mail = ReturnedMail { notification_id, participant_id, status, code, consequence };
        let recorded = self.store.record_returned(&mail)?;
        let result = match (recorded, severity) {
            (Recorded::NotYet, _) => return Ok(BounceResult::NotYet.into()),
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
        Ok(Taken { result, detail: Some(detail) })
    }

    /// What follows for the address of the recipient. `severity` is that of a bounce; `None`: the recipient has complained.
    fn consequence(&self, token: BounceToken, severity: Option<Severity>) -> Result<Consequence, StoreError> {
        if severity == Some(Severity::Infrastructure) {
            return Ok(Consequence::Nothing);
        }
        let Some((hash, address)) = self.find_address(token)? else { return Ok(Consequence::Nothing) };
        let reason =
            if severity.is_some() { SuppressionReason::Bounced } else { SuppressionReason::Complained };
        let (address, scope, source) = (Some(address), reason.usual_scope(), self.source);
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
    let words = masked_line(words);
    let text = match (code, words.is_empty()) {
        (Some(code), true) => code.to_owned(),
        (Some(code), false) => format!("{code}: {words}"),
        (None, true) => "without a code".to_owned(),
        (None, false) => words,
    };
    cut(&text, DETAIL_MAX)
}
