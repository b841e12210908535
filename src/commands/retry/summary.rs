//! The last lines of `fanmail retry`: how the notification adds up now, and the exit code. Sending is left to `retry`.

use std::process::ExitCode;
use std::thread;

use anyhow::bail;

use crate::commands::output::say;
use crate::commands::retry::lease::BACKOFF;
use crate::domain::ids::NotificationId;
use crate::domain::notification::Notification;
use crate::domain::outcome::{Counts, Tally};
use crate::report::naming::terms;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::text::count::count;
use crate::text::mask::masked_line;
use crate::worker::fan_out::context::Halt;

/// Why a retry sends nothing.
pub(super) const DRY_RUN: &str = "this is dry-run mode (EMAIL_DUMMY_MODE=True)";

/// How often the database is asked for the final numbers: for five seconds or so.
const FINAL_ATTEMPTS: u32 = 6;

/// What a retry has done.
pub(super) struct Sent {
    /// As it is now: the audience of an abandoned one may have been frozen just now.
    pub notification: Notification,
    pub result: Result<Counts, Halt>,
}

/// Says how the notification adds up now, and what the exit code is.
pub(super) fn finish(store: &Store, sent: &Sent, dry_run: bool) -> anyhow::Result<ExitCode> {
    let Sent { notification, result } = sent;
    let mut left_alone = 0;
    match read_tally(store, notification) {
        Ok(tally) => {
            say_tally(notification.id, &tally, dry_run);
            if !dry_run {
                let has_sent = result.as_ref().is_ok_and(|counts| counts.total() > 0);
                for line in left(notification.id, &tally, has_sent) {
                    say(&line);
                }
            }
            left_alone = if dry_run { tally.failed + tally.deferred + tally.pending } else { 0 };
        }
        Err(error) => say(&format!("{error}; see how the notification adds up with: fanmail status")),
    }
    match result {
        Ok(_) if left_alone > 0 => {
            let mails = count(left_alone, "failed, deferred or pending mail");
            say(&format!(
                "{DRY_RUN}: {mails} left as before; to send, set EMAIL_DUMMY_MODE=False and run the same command again"
            ));
            Ok(ExitCode::FAILURE)
        }
        Ok(counts) if counts.failed == 0 => Ok(ExitCode::SUCCESS),
        Ok(_) => Ok(ExitCode::FAILURE),
        Err(Halt::Stopping) => {
            say("interrupted; continue with the same command");
            Ok(ExitCode::FAILURE)
        }
        Err(Halt::Unreadable(what)) => bail!(
            "some people got no mail: {}; correct the data or the view, then run the same command again",
            masked_line(what)
        ),
        Err(Halt::Superseded(newer)) => bail!(
            "notification {} is superseded by notification {newer}, which says what there is to say now: nobody is sent the older \
             one any more. If people have not got the newer one, send it with: fanmail retry --notification {newer}",
            notification.id
        ),
        Err(Halt::TakenOver) => bail!(
            "this process was frozen or cut off from the database, and another one sends this notification now"
        ),
    }
}

/// Everything is sent: a database that is away for a moment is not the end of it, also after a signal.
fn read_tally(store: &Store, notification: &Notification) -> Result<Tally, StoreError> {
    for failures in 1..FINAL_ATTEMPTS {
        match store.tally(notification) {
            Err(error) if error.is_transient() => thread::sleep(BACKOFF.pause(failures, fastrand::f64())),
            result => return result,
        }
    }
    store.tally(notification)
}

/// Whom a retry has not reached, and what can be done about it. If it `has_sent` nothing, that is explained.
fn left(id: NotificationId, tally: &Tally, has_sent: bool) -> Vec<String> {
    let command = format!("fanmail retry --notification {id}");
    let mut left = Vec::new();
    if tally.participants == 0 {
        left.push(
            "this notification is for no one, because its event had no participants; if people take part now, publish a new \
             message"
                .to_owned(),
        );
    }
    match tally.failed.saturating_sub(tally.failed_permanent) {
        0 => {}
        temporary => left.push(format!("{} temporary; to try again: {command}", are(temporary, "failure"))),
    }
    if tally.failed_permanent > 0 {
        left.push(format!(
            "{} permanent; correct the addresses, then send with: {command} --permanent-too",
            are(tally.failed_permanent, "failure")
        ));
    }
    if tally.no_address > 0 {
        left.push(format!(
            "{} skipped without an address; add the addresses, then send with: {command} --permanent-too",
            were(tally.no_address, "participant")
        ));
    }
    if has_sent {
        return left;
    }
    match tally.skipped.saturating_sub(tally.no_address) {
        0 => {}
        others => left.push(format!(
            "{} skipped for other reasons and get no mail: they have left, the event was cancelled, or the mail went to \
             another participant with the same address",
            were(others, "participant")
        )),
    }
    if tally.sent > 0 && tally.sent == tally.participants {
        left.push("everyone has been sent the mail; to send another one, publish a new message".to_owned());
    }
    left
}

/// `1 failure is`, `2 failures are`.
fn are(number: u64, what: &str) -> String {
    format!("{} {}", count(number, what), if number == 1 { "is" } else { "are" })
}

/// `1 participant was`, `2 participants were`.
fn were(number: u64, what: &str) -> String {
    format!("{} {}", count(number, what), if number == 1 { "was" } else { "were" })
}

fn say_tally(id: NotificationId, tally: &Tally, dry_run: bool) {
    say(&format!("notification {id}: {} participants = {}", tally.participants, terms(tally)));
    if tally.dry_run > 0 {
        let how = if dry_run { "" } else { "; to send to them, run the same command with --dummy-too" };
        say(&format!("{} of those sent are of dry-run mode and got no mail{how}", tally.dry_run));
    }
    if tally.deferred > 0 && !dry_run {
        say(
            "deferred mails are tried again by the worker when they are due; to try them now, run the same command again",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(tally: Tally, has_sent: bool) -> String {
        assert!(tally.adds_up());
        left(NotificationId(2), &tally, has_sent).join("\n")
    }

    #[test]
    fn a_retry_that_sends_nothing_says_why() {
        let failed = Tally { participants: 5, sent: 1, failed: 4, failed_permanent: 4, ..Tally::default() };
        insta::assert_snapshot!(text(failed, false), @"4 failures are permanent; correct the addresses, then send with: fanmail retry --notification 2 --permanent-too");
        let skipped = Tally { participants: 6, sent: 2, skipped: 4, no_address: 1, ..Tally::default() };
        insta::assert_snapshot!(text(skipped, false), @r"
        1 participant was skipped without an address; add the addresses, then send with: fanmail retry --notification 2 --permanent-too
        3 participants were skipped for other reasons and get no mail: they have left, the event was cancelled, or the mail went to another participant with the same address
        ");
        insta::assert_snapshot!(text(Tally::default(), false), @"this notification is for no one, because its event had no participants; if people take part now, publish a new message");
        let sent = Tally { participants: 5, sent: 5, ..Tally::default() };
        insta::assert_snapshot!(text(sent, false), @"everyone has been sent the mail; to send another one, publish a new message");
    }

    #[test]
    fn what_a_retry_has_left_is_named_with_what_to_do() {
        let sent = Tally { participants: 6, sent: 6, ..Tally::default() };
        assert_eq!(text(sent, true), "");
        let tally = Tally {
            participants: 9,
            sent: 2,
            failed: 4,
            failed_permanent: 3,
            skipped: 3,
            no_address: 2,
            ..Tally::default()
        };
        insta::assert_snapshot!(text(tally, true), @r"
        1 failure is temporary; to try again: fanmail retry --notification 2
        3 failures are permanent; correct the addresses, then send with: fanmail retry --notification 2 --permanent-too
        2 participants were skipped without an address; add the addresses, then send with: fanmail retry --notification 2 --permanent-too
        ");
    }
}
