//! Patience with the database: what it cannot do now is tried again until it can, and the log says so once.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::domain::backoff::Backoff;
use crate::health::Health;
use crate::shutdown::Stop;
use crate::store::StoreError;

/// Between tries. The first comes soon: most trouble is a lock that lasts a moment.
const TRIES: Backoff = Backoff { first: Duration::from_millis(200), cap: Duration::from_secs(10) };

/// A question that is unanswered for so long is trouble, even though nobody has said so yet: a server that hangs,
/// or a network that swallows everything, gives no error. Longer than SQLite waits for a lock.
const UNANSWERED: Duration = Duration::from_secs(10);

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

    /// Only the first of the questions that are in trouble at a time is worth a line.
    fn note_trouble(&self, questions: &mut Questions, id: u64, reason: &str) {
        if questions.in_trouble() {
            log::debug!("still: {reason}");
        } else {
            log::error!("{reason}; nothing is acked or forgotten, and it is tried again until it works");
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
mod tests {
    use super::*;
    use crate::shutdown::{StopHandle, stop_pair};

    fn trouble() -> StoreError {
        StoreError::new("test", &"out of order")
    }

    fn patience() -> (Patience, StopHandle) {
        let (handle, stop) = stop_pair();
        (Patience::new(stop, Health::default()), handle)
    }

    #[test]
    fn asks_until_there_is_an_answer_and_tells_health_meanwhile() {
        let (patience, _handle) = patience();
        let mut tries = 0;
        let answer = patience.ask(|| {
            tries += 1;
            if tries == 2 {
                assert!(patience.health.troubles().contains("out of order"));
            }
            if tries < 3 { Err(trouble()) } else { Ok(7) }
        });
        assert_eq!((answer, tries, patience.health.troubles().as_str()), (Ok(7), 3, ""));
    }

    #[test]
    fn the_trouble_is_over_when_the_last_question_that_met_it_is_answered() {
        let (patience, _handle) = patience();
        let mut tries = 0;
        let answer = patience.ask(|| {
            tries += 1;
            if tries == 1 {
                return Err(trouble());
            }
            assert_eq!(patience.ask(|| Ok(1)), Ok(1));
            assert_ne!(patience.health.troubles(), "", "one that met no trouble does not end it");
            let mut others = 0;
            let other = patience.insist(|| {
                others += 1;
                if others == 1 { Err(trouble()) } else { Ok(others) }
            });
            assert_eq!(other, 2);
            assert_ne!(patience.health.troubles(), "", "nor does one that met it, too");
            Ok(7)
        });
        assert_eq!((answer, patience.health.troubles().as_str()), (Ok(7), ""));
    }

    #[test]
    fn a_question_without_an_answer_is_trouble_until_it_has_one() {
        let (patience, _handle) = patience();
        let answer = patience.ask(|| {
            patience.look_for_unanswered(Duration::from_secs(3600));
            assert_eq!(patience.health.troubles(), "");
            patience.look_for_unanswered(Duration::ZERO);
            assert_eq!(patience.health.troubles(), "database: no answer for 0 s\n");
            Ok(7)
        });
        assert_eq!((answer, patience.health.troubles().as_str()), (Ok(7), ""));
        patience.look_for_unanswered(Duration::ZERO);
        assert_eq!(patience.health.troubles(), "");
    }

    #[test]
    fn an_error_that_no_waiting_mends_is_an_answer_for_those_who_ask_so() {
        let (patience, _handle) = patience();
        let mut tries = 0;
        let answer = patience.ask_while_passing(|| {
            tries += 1;
            Err::<(), _>(match tries {
                1 => StoreError::new("test", &"database is locked"),
                _ => StoreError::new("test", &"file is not a database"),
            })
        });
        assert!(answer.unwrap().unwrap_err().to_string().contains("not a database"));
        assert_eq!(tries, 2);
    }

    #[test]
    fn a_stop_ends_a_question_but_not_what_must_not_be_forgotten() {
        let (patience, handle) = patience();
        drop(handle);
        assert_eq!(patience.ask(|| Err::<(), _>(trouble())), Err(Stopped));
        let mut tries = 0;
        let answer = patience.insist(|| {
            tries += 1;
            if tries < 2 { Err(trouble()) } else { Ok(tries) }
        });
        assert_eq!(answer, 2);
    }
}
