//! Whether a lane's last outcome is committed. No second body is transmitted before it is: that bounds the duplicates
//! of a crash to one per connection.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::job::Errand;
use super::recorder::Entry;
use crate::domain::outcome::Outcome;

/// One a lane. Of the outcomes that it hands over, at most one is not committed.
pub struct LastOutcome {
    entries: Sender<Entry>,
    sender: Sender<()>,
    committed: Receiver<()>,
    expected: bool,
}

impl LastOutcome {
    /// For a lane that has sent nothing so far, to a recorder that takes `entries`.
    #[must_use]
    pub fn new(entries: Sender<Entry>) -> Self {
        let (sender, committed) = bounded(1);
        Self { entries, sender, committed, expected: false }
    }

    /// Hands an outcome to the recorder, which reports to the fan-out once it is committed. Waits until the one
    /// before is.
    pub fn hand_over(&mut self, outcome: Outcome, errand: Arc<Errand>) {
        self.wait_until_recorded();
        self.expected = true;
        if self.entries.send(Entry::Outcome { outcome, errand, committed: self.sender.clone() }).is_err() {
            log::error!("the recorder ended before its lanes (a bug in fanmail)");
        }
    }

    /// Returns once everything that was handed over is committed.
    pub fn wait_until_recorded(&mut self) {
        if self.expected {
            // The lane holds a sender itself, so this cannot fail: it waits.
            self.expected = self.committed.recv().is_err();
        }
    }
}
