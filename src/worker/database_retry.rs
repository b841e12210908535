//! Patience with the database: what it cannot do now is tried again until it can, and the log says so once.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::domain::backoff::Backoff;
use crate::observe::health::Health;
use crate::shutdown::Stop;
use crate::store::StoreError;

/// Between tries. The first comes soon: most trouble is a lock that lasts a moment.
const TRIES: Backoff = Backoff { first: Duration::from_millis(200), cap: Duration::from_secs(10) };

/// A question that is unanswered for so long is trouble, even though nobody has said so yet: a server that hangs,
/// or a network that swallows everything, gives no error. SQLite gives up by then: 5 s in line, and 5 s for the lock.
const UNANSWERED: Duration = Duration::from_secs(10);

/// How often trouble that lasts is told.
const REMINDER: Duration = Duration::from_secs(300);

/// Shared by all threads that use the database, so that its absence is told once and not by each.
#[derive(Debug, Clone)]
pub struct Patience {
    questions: Arc<Mutex<Questions>>,
    health: Health,
    stop: Stop,
}

/// The worker is to stop; the database has not answered until then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped;

/// What the database is being asked.
#[derive(Debug, Default)]
struct Questions {
    open: HashMap<u64, Question>,
    next: u64,
    told: Option<Instant>,
}

#[derive(Debug)]
struct Question {
    asked: Instant,
    in_trouble: bool,
}

impl Patience {
    /// Patience that ends when the worker is to stop.
    #[must_use]
    pub fn new(stop: Stop, health: Health) -> Self {
        Self { questions: Arc::default(), health, stop }
    }

    /// Asks until the database answers.
    ///
    /// # Errors
    /// When the worker is to stop before it does.
    pub fn ask<T>(&self, question: impl FnMut() -> Result<T, StoreError>) -> Result<T, Stopped> {
        // An error is never kept, so it never is the answer.
        self.ask_unless(|_| false, question)?.map_err(|_| Stopped)
    }

    /// Asks until the database answers, or has an error that no waiting will mend; gives either.
    ///
    /// # Errors
    /// When the worker is to stop before that.
    pub fn ask_while_passing<T>(
        &self,
        question: impl FnMut() -> Result<T, StoreError>,
    ) -> Result<Result<T, StoreError>, Stopped> {
        self.ask_unless(|error| !error.is_passing(), question)
    }

    fn ask_unless<T>(
        &self,
        gives_up: impl Fn(&StoreError) -> bool,
        mut question: impl FnMut() -> Result<T, StoreError>,
    ) -> Result<Result<T, StoreError>, Stopped> {
        let mut asking = self.begin();
        loop {
            match asking.once(&mut question) {
                Err(error) if !gives_up(&error) => asking.failed(&error),
                answer => return Ok(answer),
            }
            if self.stop.wait(asking.pause()) {
                return Err(Stopped);
            }
        }
    }

    /// Asks until the database answers, even when the worker is to stop: for what must not be forgotten. The
    /// limit is `SHUTDOWN_TIMEOUT`, which ends the process.
    pub fn insist<T>(&self, mut question: impl FnMut() -> Result<T, StoreError>) -> T {
        let mut asking = self.begin();
        loop {
            match asking.once(&mut question) {
                Ok(answer) => return answer,
                Err(error) => asking.failed(&error),
            }
            thread::sleep(asking.pause());
        }
    }

    /// Asks once, for those who have other things to do between tries; `asking` is for the next of them.
    pub fn try_once<'a, T>(
        &'a self,
        asking: &mut Option<Asking<'a>>,
        question: impl FnOnce() -> Result<T, StoreError>,
    ) -> Option<T> {
        let current = asking.get_or_insert_with(|| self.begin());
        match current.once(question) {
            Ok(answer) => {
                *asking = None;
                Some(answer)
            }
            Err(error) => {
                current.failed(&error);
                None
            }
        }
    }

    /// Starts to look after questions that nobody answers, for as long as the process lives.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn watch(&self) -> io::Result<()> {
        let patience = self.clone();
        thread::Builder::new().name("database-watch".to_owned()).spawn(move || {
            loop {
                thread::sleep(UNANSWERED / 10);
                patience.look_for_unanswered(UNANSWERED);
            }
        })?;
        Ok(())
    }

    fn look_for_unanswered(&self, limit: Duration) {
        let mut questions = self.lock();
        let unanswered = |question: &&Question| !question.in_trouble && question.asked.elapsed() >= limit;
        let ids: Vec<u64> =
            questions.open.iter().filter(|(_, question)| unanswered(question)).map(|(id, _)| *id).collect();
        for id in ids {
            self.note_trouble(&mut questions, id, &format!("database: no answer for {} s", limit.as_secs()));
        }
    }

    /// Only the first of the questions that are in trouble at a time is worth a line, and now and then one more: the
    /// cause may be another by then.
    fn note_trouble(&self, questions: &mut Questions, id: u64, reason: &str) {
        let told_lately = questions.told.is_some_and(|told| told.elapsed() < REMINDER);
        if questions.in_trouble() && told_lately {
            log::debug!("still: {reason}");
        } else {
            log::error!("{reason}; nothing is acked or forgotten, and it is tried again until it works");
            questions.told = Some(Instant::now());
        }
        if let Some(question) = questions.open.get_mut(&id) {
            question.in_trouble = true;
        }
        self.health.trouble("database", reason.trim_start_matches("database: ").to_owned());
    }

    fn begin(&self) -> Asking<'_> {
        let mut questions = self.lock();
        let id = questions.next;
        questions.next += 1;
        questions.open.insert(id, Question { asked: Instant::now(), in_trouble: false });
        Asking { patience: self, id, failures: 0, answered: false }
    }

    fn lock(&self) -> MutexGuard<'_, Questions> {
        // Every change is a single insert, remove or assignment, so a panic elsewhere leaves it whole.
        self.questions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Questions {
    fn in_trouble(&self) -> bool {
        self.open.values().any(|question| question.in_trouble)
    }
}

/// One question, from its first try to its answer.
#[derive(Debug)]
pub struct Asking<'a> {
    patience: &'a Patience,
    id: u64,
    failures: u32,
    answered: bool,
}

impl Asking<'_> {
    fn once<T>(&mut self, question: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        if self.failures > 0
            && let Some(question) = self.patience.lock().open.get_mut(&self.id)
        {
            question.asked = Instant::now();
        }
        let answer = question();
        self.answered = answer.is_ok();
        answer
    }

    fn failed(&mut self, error: &StoreError) {
        self.failures += 1;
        self.patience.note_trouble(&mut self.patience.lock(), self.id, &error.to_string());
    }

    fn pause(&self) -> Duration {
        TRIES.pause(self.failures, fastrand::f64())
    }
}

impl Drop for Asking<'_> {
    /// The trouble is over when the last question that was in trouble has its answer: that others are answered
    /// proves little, as one may read while nobody can write.
    fn drop(&mut self) {
        let mut questions = self.patience.lock();
        let ended = questions.open.remove(&self.id);
        if self.answered && ended.is_some_and(|question| question.in_trouble) && !questions.in_trouble() {
            log::info!("the database works again");
            self.patience.health.well("database");
        }
    }
}

#[cfg(test)]
mod tests;
