//! What became of one mail to one person, in one sentence, and what to do. Reading the ledger is left to `explain`.

use chrono::NaiveDateTime;
use serde::Serialize;

use crate::channels::email::smtp::reply::advice::advice_if_about_us;
use crate::domain::audience::Listing;
use crate::domain::ids::{EventId, NotificationId, ParticipantId};
use crate::domain::outcome::{Status, Verdict};
use crate::report::explain::reasons::{or_none, why_no_recipient, why_skipped};
use crate::report::failures::group::with_code;
use crate::report::failures::people::PersonKey;
use crate::store::ledger::row::{NotificationRecord, NotificationState};
use crate::store::person::entries::{DeferralEntry, OutcomeEntry};
use crate::text::count::count;
use crate::text::mask::masked_line;
use crate::text::timestamp::{rfc3339, to_the_second};

/// What the ledger has about one notification and one person.
pub(super) struct Facts<'a> {
    pub record: &'a NotificationRecord,
    /// The key for people.
    pub key: PersonKey,
    /// The number that the ledger has; `None`: the person is not on the list of the notification.
    pub number: Option<ParticipantId>,
    /// How far its people are listed, if they are.
    pub listing: Option<Listing>,
    pub outcome: Option<OutcomeEntry>,
    pub deferral: Option<DeferralEntry>,
}

/// What became of one mail. Scripts rely on these keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MailAnswer {
    /// The notification.
    pub notification: NotificationId,
    /// Its event.
    pub event: Option<EventId>,
    /// Its kind.
    pub r#type: &'static str,
    /// Its state.
    pub state: &'static str,
    /// When its message arrived, RFC 3339.
    pub received_at: String,
    /// Whose mail it is: a key of `participants` or `users`, or the place among the recipients whom a message names by their addresses.
    pub participant: PersonKey,
    /// `sent`, `failed`, `skipped`, `bounced`, `complained`, `deferred`, `pending`, or `none`: no mail was ever to be sent.
    pub outcome: &'static str,
    /// Whether it is of dry-run mode: no mail was sent.
    pub dry_run: bool,
    /// Whether trying again cannot help, if it failed.
    pub permanent: Option<bool>,
    /// How many times the mail was submitted to the relay; of a deferred one, how many times it was deferred.
    pub attempts: Option<i32>,
    /// The relay's reply code.
    pub smtp_code: Option<i32>,
    /// The relay's words, with its queue id, or ours.
    pub detail: Option<String>,
    /// When it was decided, RFC 3339.
    pub decided_at: Option<String>,
    /// When it is tried again, RFC 3339.
    pub next_try_at: Option<String>,
    /// What was said when it came back.
    pub reported_code: Option<String>,
    /// When that was, RFC 3339.
    pub reported_at: Option<String>,
    /// The notification that has ended this one.
    pub superseded_by: Option<NotificationId>,
    /// All of it in a sentence.
    pub explanation: String,
    /// What can be done.
    pub advice: Option<String>,
}

impl MailAnswer {
    pub(super) fn of(facts: Facts<'_>) -> Self {
        let record = facts.record;
        let nothing = Self {
            notification: record.notification.id,
            event: record.notification.event_id,
            r#type: record.notification.kind.as_str(),
            state: record.state.as_str(),
            received_at: json_time(record.received_at),
            participant: facts.key,
            outcome: "pending",
            dry_run: false,
            permanent: None,
            attempts: None,
            smtp_code: None,
            detail: None,
            decided_at: None,
            next_try_at: None,
            reported_code: None,
            reported_at: None,
            superseded_by: record.superseded_by,
            explanation: String::new(),
            advice: None,
        };
        match (facts.outcome, facts.deferral) {
            (Some(outcome), _) => nothing.decided(&outcome),
            (None, Some(deferral)) => nothing.deferred(&deferral),
            (None, None) => match why_no_recipient(record, facts.number, facts.listing) {
                Some(explanation) => Self { outcome: "none", explanation, ..nothing },
                None => nothing.undecided(record),
            },
        }
    }

    fn retry(&self) -> String {
        format!("fanmail retry --notification {}", self.notification)
    }

    fn decided(self, outcome: &OutcomeEntry) -> Self {
        let status = Status::from_word(&outcome.status);
        let words = outcome.detail.as_deref().map(masked_line);
        let dry_run = status == Some(Status::Sent)
            && outcome.smtp_code.is_none()
            && words.as_deref() == Some(Verdict::DRY_RUN);
        let at = time(outcome.decided_at);
        let attempts = match outcome.attempts {
            ..=0 if status == Some(Status::Failed) => "the relay was not asked".to_owned(),
            attempts => count(attempts.max(0).unsigned_abs().into(), "attempt"),
        };
        let said = with_code(outcome.smtp_code, words.as_deref().unwrap_or_default());
        let reported = || {
            let when = outcome.reported_at.map_or_else(String::new, |at| format!(" {}", time(at)));
            let code = outcome
                .reported_code
                .as_deref()
                .map_or_else(String::new, |code| format!(" ({})", masked_line(code)));
            format!("{when}{code}")
        };
        let (explanation, advice) = match status {
            _ if dry_run => (
                format!("not sent: dry-run mode, {at}"),
                Some(format!("to send it: {} --dummy-too", self.retry())),
            ),
            Some(Status::Sent) => {
                let relay =
                    if said.is_empty() { String::new() } else { format!("; the relay took it: {said}") };
                (format!("sent {at}, {attempts}{relay}"), None)
            }
            Some(Status::Bounced) => (
                format!("came back{}: sent {at}, {attempts}, and no mailbox has it", reported()),
                Some("the address gets no further mail; see: fanmail suppressions list".to_owned()),
            ),
            Some(Status::Complained) => (
                format!("sent {at}, {attempts}; the recipient has called it spam{}", reported()),
                Some("the address gets no further mail; see: fanmail suppressions list".to_owned()),
            ),
            Some(Status::Failed) => {
                let sort = if outcome.permanent { "permanently" } else { "temporarily" };
                let advice = match advice_if_about_us(outcome.smtp_code, &said) {
                    Some(cure) if outcome.permanent => format!(
                        "the relay may mean you and not the address: {cure}, then send with: {} --permanent-too",
                        self.retry()
                    ),
                    None if outcome.permanent => {
                        format!("correct the address, then send with: {} --permanent-too", self.retry())
                    }
                    _ => format!("once the cause is gone, send again with: {}", self.retry()),
                };
                (format!("failed {sort} {at}, {attempts}: {}", or_none(&said)), Some(advice))
            }
            Some(Status::Skipped) => {
                let (why, advice) = why_skipped(words.as_deref().unwrap_or_default(), &self.retry());
                (format!("skipped {at}: {why}"), advice)
            }
            None => (format!("{} {at}", masked_line(&outcome.status)), None),
        };
        Self {
            outcome: status.map_or("unknown", Status::as_str),
            dry_run,
            permanent: (status == Some(Status::Failed)).then_some(outcome.permanent),
            attempts: Some(outcome.attempts),
            smtp_code: outcome.smtp_code,
            detail: words,
            decided_at: Some(json_time(outcome.decided_at)),
            reported_code: outcome.reported_code.as_deref().map(masked_line),
            reported_at: outcome.reported_at.map(json_time),
            explanation,
            advice,
            ..self
        }
    }

    fn deferred(self, deferral: &DeferralEntry) -> Self {
        let words = deferral.detail.as_deref().map(masked_line);
        let times = count(deferral.tries.max(0).unsigned_abs().into(), "time");
        let said = with_code(deferral.smtp_code, words.as_deref().unwrap_or_default());
        let explanation = format!(
            "deferred {times}, the next attempt is due {}: {}",
            time(deferral.next_try_at),
            or_none(&said)
        );
        let cure = advice_if_about_us(deferral.smtp_code, &said)
            .map_or_else(String::new, |cure| format!("the relay may mean you and not the address: {cure}; "));
        let advice = Some(format!("{cure}a worker tries it again; at once: {}", self.retry()));
        Self {
            outcome: "deferred",
            attempts: Some(deferral.tries),
            smtp_code: deferral.smtp_code,
            detail: words,
            next_try_at: Some(json_time(deferral.next_try_at)),
            explanation,
            advice,
            ..self
        }
    }

    fn undecided(self, record: &NotificationRecord) -> Self {
        // Ended before it began: it is for no one.
        if let (NotificationState::Completed, Some(newer)) = (record.state, record.superseded_by) {
            let explanation = format!(
                "no mail: notification {newer} of the same event came before this one had begun, and says what there is to say"
            );
            return Self { outcome: "none", explanation, ..self };
        }
        let reason = || masked_line(or_none(record.reason.as_deref().unwrap_or_default()));
        let when =
            || record.not_before.map_or_else(String::new, |at| format!("; it is tried again {}", time(at)));
        let (explanation, advice) = match record.state {
            NotificationState::Waiting if record.is_coalescing() => {
                let until = record.not_before.map_or_else(String::new, |at| format!(" until {}", time(at)));
                (format!("not yet: the notification waits for further updates of its event{until}"), None)
            }
            NotificationState::Waiting => {
                ("not yet: a worker has the message, and has not begun to send".to_owned(), None)
            }
            NotificationState::Running => (
                "not yet: the notification is being sent; if the relay has refused this mail for now, a worker tries it again within \
                 minutes, and then this says why"
                    .to_owned(),
                None,
            ),
            NotificationState::SetAside => (
                format!("not yet: the notification is set aside, because {}{}", reason(), when()),
                Some(format!("correct the data; then a worker sends it, or at once: {}", self.retry())),
            ),
            NotificationState::Abandoned => (
                format!("no mail: the notification is abandoned, because {}", reason()),
                Some(format!("if it is to be sent all the same: {}", self.retry())),
            ),
            NotificationState::Completed => (
                "no mail: the notification is completed, and nothing is recorded about this person, who was added with a lower key \
                 than others, or was to be sent it by a retry that was interrupted"
                    .to_owned(),
                Some(format!("send with: {}", self.retry())),
            ),
        };
        let next_try_at = record
            .not_before
            .filter(|_| matches!(record.state, NotificationState::SetAside | NotificationState::Waiting))
            .map(json_time);
        Self { next_try_at, explanation, advice, ..self }
    }
}

fn time(time: NaiveDateTime) -> String {
    to_the_second(time.and_utc())
}

fn json_time(time: NaiveDateTime) -> String {
    rfc3339(time.and_utc())
}
