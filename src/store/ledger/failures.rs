//! The outcomes `failed` of a notification, a page at a time, each with the application's key. How they are shown is left to
//! `commands`.

use std::collections::HashMap;
use std::time::Instant;

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::domain::ids::ParticipantId;
use crate::domain::notification::Notification;
use crate::domain::outcome::Status;
use crate::store::Store;
use crate::store::backend::clock::EarlierTime;
use crate::store::error::StoreError;
use crate::store::ledger::recipients::find_by_numbers;
use crate::store::schema::deliveries;

/// An outcome `failed`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Failure {
    /// The application's key; its number in the ledger if it is text.
    pub participant_id: ParticipantId,
    /// Whether trying again cannot help.
    pub permanent: bool,
    /// How many times the mail was submitted to the relay; 0 when the relay was not asked.
    pub attempts: i32,
    /// The relay's last reply code.
    pub code: Option<i32>,
    /// The relay's words, or ours.
    pub detail: Option<String>,
    /// When it was recorded, UTC.
    pub decided_at: NaiveDateTime,
}

impl Store {
    /// Up to `limit` failures behind `after`, in the order of their numbers, each with the application's key if that is text: those that
    /// were recorded after `since`, or all.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn read_failures(
        &self,
        notification: &Notification,
        since: Option<Instant>,
        after: Option<ParticipantId>,
        limit: u32,
    ) -> Result<Vec<(Failure, Option<String>)>, StoreError> {
        let Some(first) = ParticipantId::first_behind(after) else { return Ok(Vec::new()) };
        self.run("read who failed", |connection| {
            let mut failed = deliveries::table
                .filter(deliveries::notification_id.eq(notification.id))
                .filter(deliveries::participant_id.ge(first))
                .filter(deliveries::status.eq(Status::Failed.as_str()))
                .into_boxed();
            if let Some(since) = since {
                failed = failed.filter(deliveries::decided_at.ge(EarlierTime::of(since)));
            }
            let failures: Vec<Failure> = failed
                .order(deliveries::participant_id)
                .select((
                    deliveries::participant_id,
                    deliveries::permanent,
                    deliveries::attempts,
                    deliveries::smtp_code,
                    deliveries::detail,
                    deliveries::decided_at,
                ))
                .limit(limit.into())
                .load(connection)?;
            let ids: Vec<ParticipantId> = failures.iter().map(|failure| failure.participant_id).collect();
            let mut keys: HashMap<ParticipantId, String> = HashMap::new();
            if notification.audience.is_listed() {
                // Someone whom a notice names by the address has none.
                let listed = find_by_numbers(connection, notification.id, &ids)?;
                keys.extend(listed.into_iter().filter(|(_, key)| !key.is_empty()));
            }
            let with_key = |failure: Failure| {
                let key = keys.remove(&failure.participant_id);
                (failure, key)
            };
            Ok(failures.into_iter().map(with_key).collect())
        })
    }
}
