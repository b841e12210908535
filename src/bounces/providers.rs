//! Reports that mail providers post over HTTP: reading what each of them says, and finding whose mail it is. Whether a request is the
//! provider's is left to `http/webhooks`.

pub mod mailgun;
pub mod postmark;
pub mod sendgrid;
pub mod ses;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::bounces::recorder::{Recorder, Taken};
use crate::bounces::report::Report;
use crate::bounces::status_code::StatusCode;
use crate::domain::address_hash::AddressKey;
use crate::domain::bounce_result::BounceResult;
use crate::domain::bounce_token::{BounceKey, BounceToken};
use crate::domain::mail_id::MailId;
use crate::domain::suppression::SuppressionSource;
use crate::store::Store;
use crate::store::error::StoreError;

/// A body that is not what the provider posts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// What a provider says of one mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderReport {
    /// The envelope sender of the mail.
    pub sender: Option<String>,
    /// Its Message-ID, or the part of it that says which mail it is.
    pub message_id: Option<String>,
    /// The address that it went to.
    pub address: Option<String>,
    /// What became of it.
    pub report: Report,
}

/// What a mail of this installation is told by.
#[derive(Debug, Clone)]
pub struct OwnMails {
    address_key: AddressKey,
    key: BounceKey,
    tag: String,
}

impl OwnMails {
    /// Reads it from the ledger, where it never changes.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn load(store: &Store) -> Result<Self, StoreError> {
        let address_key = store.address_key()?;
        let key = BounceKey::new(&address_key);
        Ok(Self { key, tag: store.find_installation()?.tag, address_key })
    }

    /// Which mail it is: by its envelope sender, or by its Message-ID together with its address.
    fn find(&self, report: &ProviderReport) -> Option<BounceToken> {
        let by_sender = report.sender.as_deref().and_then(|sender| self.of_sender(sender));
        by_sender.or_else(|| {
            let id = MailId::read(report.message_id.as_deref()?, &self.tag)?;
            let hash = report.address.as_deref().and_then(|address| self.address_key.hash(bare(address)));
            Some(BounceToken::new(id.notification_id, id.participant_id, hash))
        })
    }

    fn of_sender(&self, sender: &str) -> Option<BounceToken> {
        let (local, _) = bare(sender).rsplit_once('@')?;
        let (_, token) = local.rsplit_once('+')?;
        BounceToken::from_text(token, &self.key).ok()
    }
}

/// An address without the name in front of it.
fn bare(address: &str) -> &str {
    let inner = address.rsplit_once('<').map_or(address, |(_, inner)| inner);
    inner.trim().trim_end_matches('>')
}

/// What became of some reports.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TakenReports {
    /// How many had each result, and what the last of them says.
    pub counts: BTreeMap<BounceResult, (u32, Option<String>)>,
    /// Whether one is to be posted again: the outcome of its mail is not recorded yet.
    pub again: bool,
}

/// Records reports, and counts them. What is recorded already is known again.
///
/// # Errors
/// When the database does not answer: all are to be posted again.
pub fn take(store: &Store, own: &OwnMails, reports: Vec<ProviderReport>) -> Result<TakenReports, StoreError> {
    let recorder = Recorder::new(store, &own.address_key, SuppressionSource::Webhook);
    let mut all = TakenReports::default();
    for report in reports {
        let Taken { result, detail } = match own.find(&report) {
            Some(mail) => recorder.record(mail, report.report)?,
            None => BounceResult::Foreign.into(),
        };
        if result == BounceResult::NotYet {
            all.again = true;
        } else {
            let entry = all.counts.entry(result).or_default();
            *entry = (entry.0 + 1, detail.or_else(|| entry.1.take()));
        }
    }
    for (result, (number, detail)) in &all.counts {
        store.count_bounces(*result, *number, detail.as_deref())?;
    }
    Ok(all)
}

/// A text or a number in a JSON value. Providers change the types of fields that are no addresses.
fn text(value: &Value, pointer: &str) -> Option<String> {
    match value.pointer(pointer)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
    .filter(|text| !text.trim().is_empty())
}

/// The enhanced status code at a place of a JSON value.
fn status(value: &Value, pointer: &str) -> Option<StatusCode> {
    text(value, pointer).and_then(|text| StatusCode::find(&text))
}

/// Those of some texts that are there, in one line.
fn joined<const N: usize>(texts: [Option<String>; N]) -> String {
    texts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
