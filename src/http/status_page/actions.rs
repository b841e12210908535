//! What buttons have started: each runs in a thread of its own, and has a page that says how far it is and how it has ended. A form that is
//! posted twice, by an impatient person or by a browser that repeats a request, is one action.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::thread;

use tokio::sync::watch;

use crate::http::server::THREAD;
use crate::http::status_page::step::Back;
use crate::sync::lock;
use crate::text::count::grouped;

/// Actions that are remembered.
const KEPT: usize = 50;
/// Actions that may run at a time: most that go on wait for the database or the broker.
const RUNNING_MAX: usize = 4;

/// How an action has ended.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    /// What was done, and what was not: sentences.
    pub lines: Vec<String>,
}

#[derive(Debug, Default)]
struct Stage {
    so_far: u64,
    outcome: Option<Outcome>,
}

/// Where an action says how far it is.
pub(super) struct Reporter(watch::Sender<Stage>);

impl Reporter {
    /// So many more are done.
    pub(super) fn add(&self, number: u64) {
        self.0.send_modify(|stage| stage.so_far += number);
    }
}

/// What one press of a button has started.
pub(super) struct Action {
    id: u64,
    /// The seal of its form.
    form: String,
    pub title: String,
    pub back: Back,
    stage: watch::Receiver<Stage>,
}

/// The last ones.
#[derive(Default)]
pub(super) struct Actions(Mutex<Known>);

#[derive(Default)]
struct Known {
    last: u64,
    list: VecDeque<Arc<Action>>,
}

impl Actions {
    /// Has `work` done, unless this form was posted before. `None`: too many actions run.
    ///
    /// # Errors
    /// When there is no thread for it.
    pub(super) fn begin(
        &self,
        form: &str,
        title: String,
        back: Back,
        work: impl FnOnce(&Reporter) -> Outcome + Send + 'static,
    ) -> io::Result<Option<Arc<Action>>> {
        let mut known = lock(&self.0);
        if let Some(action) = known.list.iter().find(|action| action.form == form) {
            return Ok(Some(Arc::clone(action)));
        }
        if known.list.iter().filter(|action| action.is_running()).count() >= RUNNING_MAX {
            return Ok(None);
        }
        let (sender, stage) = watch::channel(Stage::default());
        let reporter = Reporter(sender);
        thread::Builder::new().name(format!("{THREAD}-action")).spawn(move || {
            let outcome = work(&reporter);
            reporter.0.send_modify(|stage| stage.outcome = Some(outcome));
        })?;
        known.last += 1;
        let action = Arc::new(Action { id: known.last, form: form.to_owned(), title, back, stage });
        if known.list.len() >= KEPT {
            known.list.pop_front();
        }
        known.list.push_back(Arc::clone(&action));
        Ok(Some(action))
    }

    /// What this form has started before, if it has.
    pub(super) fn known(&self, form: &str) -> Option<Arc<Action>> {
        lock(&self.0).list.iter().find(|action| action.form == form).cloned()
    }

    pub(super) fn find(&self, id: u64) -> Option<Arc<Action>> {
        lock(&self.0).list.iter().find(|action| action.id == id).cloned()
    }
}

impl Action {
    pub(super) fn is_running(&self) -> bool {
        // The sender is gone if the thread has panicked.
        self.stage.borrow().outcome.is_none() && self.stage.has_changed().is_ok()
    }

    /// Waits for the end.
    pub(super) async fn ended(&self) {
        if self.stage.clone().wait_for(|stage| stage.outcome.is_some()).await.is_err() {
            log::debug!("http: the action {} has panicked", self.id);
        }
    }

    pub(super) fn path(&self) -> String {
        format!("/actions/{}", self.id)
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let stage = self.stage.borrow();
        match &stage.outcome {
            Some(outcome) => outcome.lines.clone(),
            None if self.stage.has_changed().is_err() => {
                vec!["It has ended early, by a bug in fanmail: the log of the worker has more.".to_owned()]
            }
            None => vec![format!("It goes on: {} so far.", grouped(stage.so_far))],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_form_that_is_posted_twice_is_one_action_and_few_run_at_a_time() {
        let actions = Actions::default();
        let begin = |form: &str, ends: Option<mpsc::Receiver<()>>| {
            let work = move |reporter: &Reporter| {
                reporter.add(1200);
                if let Some(ends) = ends {
                    assert!(ends.recv().is_err());
                }
                Outcome { lines: vec!["Done.".to_owned()] }
            };
            actions.begin(form, "Title".to_owned(), Back::to_status(), work).unwrap()
        };
        let (end, ends) = mpsc::channel();
        let first = begin("a", Some(ends)).unwrap();
        assert_eq!(begin("a", None).unwrap().id, first.id);
        let deadline = Instant::now() + Duration::from_secs(10);
        while first.lines() != ["It goes on: 1,200 so far."] {
            assert!(first.is_running() && Instant::now() < deadline, "{:?}", first.lines());
        }
        let others: Vec<_> = (1..RUNNING_MAX)
            .map(|n| {
                let (end, ends) = mpsc::channel();
                (begin(&n.to_string(), Some(ends)).unwrap(), end)
            })
            .collect();
        assert!(begin("more", None).is_none());
        drop((end, others));
        while first.is_running() {
            assert!(Instant::now() < deadline);
        }
        assert_eq!((first.lines(), actions.find(1).unwrap().id), (vec!["Done.".to_owned()], 1));
        while begin("more", None).is_none() {
            assert!(Instant::now() < deadline);
        }
        assert_eq!(begin("a", None).unwrap().id, 1, "also when it has ended");
    }
}
