//! What has to hold at the end of a scenario.

use std::collections::BTreeSet;

use crate::process::Process;
use crate::scenario::{RELAY_PASSWORD, Scenario};
use crate::smtp::log::BodyReply;
use crate::{broker, database};

impl Scenario {
    /// Stops the worker and checks what has to hold at the end: each notification is completed and acked, the queue is
    /// empty, `status` adds up, ledger and relay agree on the recipients, the protocol was kept, and the log contains
    /// nothing personal.
    #[track_caller]
    pub fn stop_and_check(&self, worker: Process) {
        let ended = worker.stop();
        self.check_redacted(&ended.err);
        self.check_completed();
    }

    /// The same when the worker has ended.
    #[track_caller]
    pub fn check_completed(&self) {
        let rows = self.ledger.notifications();
        for row in &rows {
            assert!(row.acked, "{row:?} is not acked");
        }
        self.check_completed_except_acks();
    }

    /// The same when the broker died: it may have got an ack without the worker's knowledge. Then the ledger has no
    /// `acked_at`.
    #[track_caller]
    pub fn check_completed_except_acks(&self) {
        let rows = self.ledger.notifications();
        for row in &rows {
            assert!(row.state == "completed" && row.completed, "{row:?} is not completed");
        }
        assert_eq!(self.queue.depth(), 0, "something is left in the queue");
        let lines = self.status();
        assert_eq!(lines.len(), rows.len());
        for line in &lines {
            assert_eq!(line["pending"], 0, "{line}");
            assert_eq!(line["state"], "completed", "{line}");
        }
        self.check_ledger_matches_relay();
        assert_eq!(self.smtp.log().violations, Vec::<String>::new());
    }

    /// Checks that exactly those recipients got a mail that the ledger calls `sent`, or that came back, at the right address.
    #[track_caller]
    pub fn check_ledger_matches_relay(&self) {
        let deliveries = self.ledger.deliveries();
        let in_ledger: BTreeSet<(String, String)> = deliveries
            .iter()
            .filter(|row| ["sent", "bounced", "complained"].contains(&row.status.as_str()))
            .map(|row| {
                let id = self.ledger.message_id(row.notification_id, row.participant_id);
                (id, row.email.clone().unwrap())
            })
            .collect();
        let at_relay: BTreeSet<(String, String)> = self
            .smtp
            .log()
            .received
            .iter()
            .filter(|mail| mail.answer == BodyReply::Accepted)
            .map(|mail| (mail.message_id.clone(), mail.recipient.clone()))
            .collect();
        let differ: Vec<_> = in_ledger.symmetric_difference(&at_relay).collect();
        assert!(
            differ.is_empty(),
            "ledger and relay differ on {}: {:?}",
            differ.len(),
            &differ[..differ.len().min(5)]
        );
    }

    /// Checks that a text contains all of these, and no password or address.
    #[track_caller]
    pub fn check_says(&self, said: &str, texts: &[&str]) {
        for text in texts {
            assert!(said.contains(text), "{text}: {said}");
        }
        self.check_redacted(said);
    }

    /// Checks that a log contains no password and no address of a participant.
    #[track_caller]
    pub fn check_redacted(&self, log: &str) {
        for password in [broker::PASSWORD, database::PASSWORD, RELAY_PASSWORD] {
            assert!(!log.contains(password), "a password is in the log:\n{log}");
        }
        for address in self.ledger.addresses() {
            assert!(!log.contains(&address), "{address} is in the log:\n{log}");
        }
    }
}
