//! Single mails fail, are deferred or are tried again, and what can be done about those that have failed.

use std::time::Duration;

use log::Level;

use crate::domain::ids::NotificationId;
use crate::domain::outcome::Counts;
use crate::domain::participant::Participant;
use crate::observe::metrics::Metrics;
use crate::text::duration::at_most;

/// What can be done about the failures among these outcomes: the end of a log line. Empty without one.
pub(super) fn how_to_retry(notification_id: NotificationId, counts: Counts) -> String {
    let (permanent, retry) =
        (counts.failed_permanent, format!("fanmail retry --notification {notification_id}"));
    match (counts.failed.saturating_sub(permanent), permanent) {
        (0, 0) => String::new(),
        (_, 0) => format!("; all failures are temporary, retry them with: {retry}"),
        (0, _) => format!(
            "; all failures are permanent: correct the addresses, then send with: {retry} --permanent-too"
        ),
        (temporary, _) => format!(
            "; {temporary} of the failures are temporary, retry them with: {retry}; {permanent} are permanent: correct the \
             addresses, then send with the same command and --permanent-too"
        ),
    }
}

/// A mail failed for a transient reason and is tried again later.
pub fn retry_later(
    metrics: &Metrics,
    notification_id: NotificationId,
    participant: &Participant,
    code: Option<u16>,
    detail: &str,
) {
    let key = participant.shown_key();
    log::debug!(
        notification = notification_id, participant:% = key, code = code, detail = detail;
        "notification {notification_id}: participant {key}: will retry: {detail}"
    );
    metrics.retries.inc();
}

/// A mail is deferred: the ledger keeps it until it is tried again after `pause`. Only the first one of a fan-out is logged
/// at INFO: a million may follow.
pub fn deferred(
    first: bool,
    notification_id: NotificationId,
    participant: &Participant,
    pause: Duration,
    code: Option<u16>,
    detail: &str,
) {
    let (level, key) = (if first { Level::Info } else { Level::Debug }, participant.shown_key());
    log::log!(
        level,
        notification = notification_id,
        participant:% = key,
        code = code,
        detail = detail,
        seconds = pause.as_secs();
        "notification {notification_id}: the mail to participant {key} is deferred for {}: {detail}; further \
         deferrals of this notification are in the ledger, and logged at LOG_LEVEL=DEBUG only",
        at_most(pause)
    );
}

/// A mail failed for good. Only the first one of a fan-out is logged at WARN: a million may follow.
pub fn failed(
    first: bool,
    notification_id: NotificationId,
    participant: &Participant,
    attempts: u32,
    code: Option<u16>,
    detail: &str,
) {
    let (level, key) = (if first { Level::Warn } else { Level::Debug }, participant.shown_key());
    let not_asked = if attempts == 0 { ", the relay was not asked" } else { "" };
    log::log!(
        level,
        notification = notification_id,
        participant:% = key,
        attempts = attempts,
        code = code,
        detail = detail;
        "notification {notification_id}: the mail to participant {key} failed (attempts: {attempts}{not_asked}): \
         {detail}; further failures are logged at LOG_LEVEL=DEBUG only, and listed by: fanmail failures --notification \
         {notification_id}"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_done_depends_on_the_sorts_of_failures() {
        let text = |failed, failed_permanent| {
            how_to_retry(NotificationId(7), Counts { failed, failed_permanent, ..Counts::default() })
        };
        assert_eq!(text(0, 0), "");
        insta::assert_snapshot!(text(3, 0), @"; all failures are temporary, retry them with: fanmail retry --notification 7");
        insta::assert_snapshot!(text(4, 4), @"; all failures are permanent: correct the addresses, then send with: fanmail retry --notification 7 --permanent-too");
        insta::assert_snapshot!(text(5, 2), @"; 3 of the failures are temporary, retry them with: fanmail retry --notification 7; 2 are permanent: correct the addresses, then send with the same command and --permanent-too");
    }
}
