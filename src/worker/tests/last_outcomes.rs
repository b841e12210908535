//! The last outcomes of a fan-out and its completion in one transaction: the recorder completes a notification only if the ledger
//! agrees, and the fan-out hears what became of it.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;

use super::recorder::{open, push_outcome};
use super::support::TestWorker;
use crate::domain::outcome::Counts;
use crate::store::ledger::completion::Completion;
use crate::store::ledger::row::NotificationState;
use crate::worker::fan_out_handle::{FanOutHandle, Report};
use crate::worker::recorder::batch::batch_queue;
use crate::worker::recorder::record_batches;

/// An open notification with people from key 1 on, and its fan-out.
struct Open {
    worker: TestWorker,
    fan_out: Arc<FanOutHandle>,
    reports: Receiver<Report>,
}

impl Open {
    fn new(people: u32) -> Self {
        let worker = TestWorker::new(people, 1);
        let (fan_out, reports) = open(&worker);
        Self { worker, fan_out, reports }
    }

    /// Has the recorder write one batch with outcomes of these people, and returns its reports.
    fn record(&self, people: &[i64]) -> Vec<Report> {
        let (batch_sender, batches) = batch_queue(Duration::from_secs(3600));
        for id in people {
            push_outcome(&batch_sender, &self.fan_out, *id);
        }
        drop(batch_sender);
        let context = &self.worker.context;
        record_batches(&self.worker.store, &context.database_retry, &context.metrics, &batches);
        self.reports.try_iter().collect()
    }

    fn state(&self) -> NotificationState {
        self.worker.store.find_notification(self.fan_out.notification_id()).unwrap().unwrap().state
    }
}

fn skipped_counts(skipped: u64) -> Counts {
    Counts { skipped, ..Counts::default() }
}

fn assert_recorded(reports: &[Report], skipped: u64) {
    assert!(
        matches!(reports, [Report::Recorded(counts)] if *counts == skipped_counts(skipped)),
        "{reports:?}"
    );
}

fn assert_last(reports: &[Report], skipped: u64, completion: Completion) {
    assert!(
        matches!(reports, [Report::RecordedLast(counts, found)]
            if (*counts, *found) == (skipped_counts(skipped), completion)),
        "{reports:?}"
    );
}

#[test]
fn the_last_outcomes_complete_the_notification() {
    let open = Open::new(3);
    open.fan_out.expect_last(3);
    assert_last(&open.record(&[1, 2, 3]), 3, Completion::Completed);
    assert_eq!(open.state(), NotificationState::Completed);
}

#[test]
fn without_the_word_of_the_fan_out_no_outcome_is_the_last_one() {
    let open = Open::new(3);
    assert_recorded(&open.record(&[1]), 1);
    open.fan_out.expect_last(2);
    open.fan_out.expect_last(0);
    assert_recorded(&open.record(&[2, 3]), 2);
    assert_eq!(open.state(), NotificationState::Running, "the fan-out completes it");
}

/// More outcomes than were expected, or participants of whom the fan-out does not know.
#[test]
fn a_wrong_expectation_completes_nothing() {
    let open = Open::new(4);
    open.fan_out.expect_last(1);
    assert_recorded(&open.record(&[1, 2]), 2);
    open.fan_out.expect_last(1);
    assert_last(&open.record(&[3]), 1, Completion::Undecided);
    assert_eq!(open.state(), NotificationState::Running);
}

#[test]
fn refused_outcomes_are_not_the_last_ones() {
    let open = Open::new(2);
    open.fan_out.expect_last(2);
    open.worker.execute("UPDATE notifications SET epoch = epoch + 1");
    let reports = open.record(&[1, 2]);
    assert!(matches!(reports[..], [Report::Refused, Report::Refused]), "{reports:?}");
    assert_eq!(open.state(), NotificationState::Running);
}
