//! What a worker says of itself in the database: that it runs, and its problems. When it is due is left to `keeper`.

use std::sync::Mutex;

use crate::observe::health::{Health, Part};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::sync::lock;
use crate::text::clean::without_digits;

/// What this process does, for `fanmail status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessRole {
    /// It consumes the queue, and is listed as a worker.
    Worker,
    /// It sends one notification again and ends. It is not listed: no message waits for it.
    Retry,
}

/// What this process has said.
#[derive(Debug)]
pub(super) struct Presence {
    name: String,
    role: ProcessRole,
    health: Health,
    /// The problems that it has said last, without numbers.
    said: Mutex<Option<String>>,
}

impl Presence {
    pub(super) fn new(name: String, role: ProcessRole, health: Health) -> Self {
        Self { name, role, health, said: Mutex::default() }
    }

    /// Says that this worker runs, with its problems and notes.
    pub(super) fn report(&self, store: &Store) -> Result<(), StoreError> {
        if self.role == ProcessRole::Retry {
            return Ok(());
        }
        let problems = self.health.problems();
        store.report_worker(&self.name, &(problems.clone() + &self.health.notes()))?;
        *lock(&self.said) = Some(without_digits(&problems));
        Ok(())
    }

    /// The same, if there is another problem than those that it has said last, or one less: no reader of `status` should see that all is well
    /// when it is not. Tried once: the next look comes soon.
    pub(super) fn report_news(&self, store: &Store) {
        let is_news = || lock(&self.said).as_ref() != Some(&without_digits(&self.health.problems()));
        if self.role == ProcessRole::Worker
            && self.health.reasons_not_ready(Part::Database).is_empty()
            && is_news()
            && let Err(error) = self.report(store)
        {
            log::debug!("{error}");
        }
    }

    /// The worker has stopped.
    pub(super) fn end(&self, store: &Store) {
        if self.role == ProcessRole::Worker
            && let Err(error) = store.remove_worker(&self.name)
        {
            log::debug!("{error}");
        }
    }
}
