//! Counting mails by recipient and published message: of `n` published notifications of a kind, each participant of the
//! event has to get `n` mails of that kind; of `n` notices with a title, each recipient has to get `n` with that subject. This
//! count needs neither the ledger nor a Message-ID. So it also finds what these hide: one message for which there are two
//! notifications, or two messages for which there is one.

use std::collections::BTreeMap;

use crate::scenario::Scenario;
use crate::smtp::log::{BodyReply, ReceivedMail};

/// The kinds of mails that are counted by their kind.
const KINDS: [&str; 3] = ["CREATED", "UPDATED", "CANCELLED"];

/// A number of mails for each address and kind. The kind of any other mail, such as a notice, is its subject.
pub type ByRecipient = BTreeMap<(String, String), usize>;

/// The mails of a scenario.
#[derive(Debug)]
pub struct MailCounts {
    /// Mails that are due for what was published.
    pub due: ByRecipient,
    /// Mails that the relay has accepted with 250.
    pub accepted: ByRecipient,
    /// Mails that a real relay would deliver: all but the refused ones.
    pub delivered: ByRecipient,
}

impl Scenario {
    /// Counts the mails that are due, and those that the relay has got.
    pub fn mail_counts(&self) -> MailCounts {
        let people = self.ledger.people_by_event();
        let mut due = self.queue.published.notices();
        for ((event, kind), notifications) in self.queue.published.due() {
            for person in people.get(&event).into_iter().flatten() {
                *due.entry((person.email.clone(), kind.clone())).or_default() += notifications;
            }
        }
        MailCounts {
            due,
            accepted: self.count_mails(|mail| mail.answer == BodyReply::Accepted),
            delivered: self.count_mails(|mail| mail.answer != BodyReply::Refused),
        }
    }

    fn count_mails(&self, wanted: impl Fn(&ReceivedMail) -> bool) -> ByRecipient {
        let mut counts = ByRecipient::new();
        self.smtp.read_log(|log| {
            for mail in log.received.iter().filter(|mail| wanted(mail)) {
                *counts.entry((mail.recipient.clone(), kind(mail))).or_default() += 1;
            }
        });
        counts
    }
}

impl MailCounts {
    /// Number of due mails.
    pub fn total(&self) -> usize {
        self.due.values().sum()
    }

    /// The mails that were due and not accepted: address, kind, and how many.
    pub fn lost(&self) -> ByRecipient {
        excess(&self.due, &self.accepted)
    }

    /// The mails that were delivered and not due: address, kind, and how many.
    pub fn duplicates(&self) -> ByRecipient {
        excess(&self.delivered, &self.due)
    }

    /// How many mails are lost, and how many duplicates there are.
    pub fn lost_and_duplicates(&self) -> (usize, usize) {
        (self.lost().values().sum(), self.duplicates().values().sum())
    }
}

/// What is in `left` and not in `right`.
fn excess(left: &ByRecipient, right: &ByRecipient) -> ByRecipient {
    let missing = |key| right.get(key).copied().unwrap_or(0);
    left.iter()
        .filter(|(key, count)| **count > missing(key))
        .map(|(key, count)| (key.clone(), count - missing(key)))
        .collect()
}

/// By `Feedback-ID`, in which the kind stands before the tag of the installation: subjects are in the language of each recipient.
fn kind(mail: &ReceivedMail) -> String {
    let feedback_id = mail.header("Feedback-ID");
    let named = feedback_id.rsplit(':').nth(1).unwrap_or_default();
    let known = KINDS.iter().find(|kind| kind.eq_ignore_ascii_case(named));
    known.map_or_else(|| mail.header("Subject"), |kind| (*kind).to_owned())
}
