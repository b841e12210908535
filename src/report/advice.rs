//! What needs attention, and what to do about it: notifications that do not add up, and what is wrong beyond that.

use chrono::{NaiveDateTime, TimeDelta};

use crate::domain::outcome::Tally;
use crate::report::MAX_NAMED;
use crate::report::naming::{id_of, name, terms};
use crate::report::notifications::NotificationLine;
use crate::store::ledger::row::NotificationState;
use crate::text::count::count;

mod coalescing;
mod left_behind;
mod reminders;
mod set_aside;
mod superseded;

/// Younger states are not reported: an ack is recorded within seconds, and a worker that restarts resumes its work.
const GRACE: TimeDelta = TimeDelta::minutes(1);

/// Notifications that do not add up, one a line: at most `MAX_NAMED`, and a line that counts the others. If there are
/// any, `fanmail status` exits with 1.
#[must_use]
pub fn problems(lines: &[NotificationLine]) -> Vec<String> {
    let mut problems = lines.iter().filter_map(problem);
    let mut named: Vec<String> = problems.by_ref().take(MAX_NAMED).collect();
    match problems.count() {
        0 => {}
        more => {
            named.push(format!(
                "and {more} more such notifications; show those of one event with: --event ID"
            ));
        }
    }
    named
}

/// What is wrong with the notification, and what to do about it.
fn problem(line: &NotificationLine) -> Option<String> {
    let (id, tally) = (line.id(), &line.tally);
    if !tally.adds_up() {
        let (people, terms) = (tally.participants, terms(tally));
        return Some(format!(
            "notification {id} does not add up: {people} participants, but {terms}; look for rows of deliveries and \
             deferrals that fanmail did not write"
        ));
    }
    if line.record.state == NotificationState::SetAside {
        return Some(set_aside::problem(line));
    }
    if let Some(reason) = &line.uncounted {
        return Some(format!("the participants of notification {id} cannot be counted: {reason}"));
    }
    if line.is_unfinished() || without_mail(line) == 0 {
        return None;
    }
    let (state, pending) = (line.record.state.as_str(), count(without_mail(line), "participant"));
    if let Some(cut_short) = reminders::cut_short(line, &pending).filter(|_| line.worker().is_none()) {
        return Some(cut_short);
    }
    Some(match line.worker() {
        Some(worker) if !line.has_lost_holder() && !line.holder_is_worker => {
            format!("notification {id} is {state}; {pending} pending: fanmail retry is running ({worker})")
        }
        _ if is_abandoned(line) => format!(
            "notification {id} is abandoned, and {pending} got no mail: {}. Put the event back, then send with: fanmail \
             retry --notification {id}. If it is gone for good, do nothing: fanmail purge deletes the notification",
            line.record.reason.as_deref().unwrap_or("no reason is recorded")
        ),
        _ => format!(
            "notification {id} is completed, but {pending} got no mail: a `fanmail retry` was interrupted, or \
             participants were added with a lower key than existing ones; send with: fanmail retry --notification {id}"
        ),
    })
}

/// What adds up and may need attention all the same, a line for each sort. When no worker is running, none is about to resume
/// its work.
#[must_use]
pub fn advice(lines: &[NotificationLine], now: NaiveDateTime, workers_are_running: bool) -> Vec<String> {
    let grace = if workers_are_running { GRACE } else { TimeDelta::zero() };
    [
        without_holder(lines),
        without_worker(lines, now, grace),
        left_behind::left_behind(lines, now, grace),
        coalescing::waiting(lines),
        without_event(lines),
        abandoned(lines),
        reminders::missed(lines),
        not_acked(lines, now),
        deferred(lines, now),
        failed(lines),
        dry_run(lines),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// About older notifications that are not shown.
#[must_use]
pub fn hidden(number: u64) -> String {
    let are = if number == 1 { "is" } else { "are" };
    format!("{} {are} hidden (completed). Show with --all", count(number, "older notification"))
}

/// Unfinished ones whose worker has exited or stopped renewing its lease.
fn without_holder(lines: &[NotificationLine]) -> Option<String> {
    let lost = || lines.iter().filter(|line| has_message(line) && line.has_lost_holder());
    let named = name(lost(), |line| {
        let how = if line.holder_has_exited { "gone" } else { "silent" };
        format!("{} ({}, {how})", line.id(), line.worker().unwrap_or_default())
    })?;
    Some(format!(
        "Lost their worker: {named}. Another worker resumes them after the broker has redelivered their messages, at \
         the latest after twice LEASE_TIMEOUT. {START}. Kill a process that is silent: if it is frozen, it may hold the \
         messages. {}",
        if_messages_are_lost(lost())
    ))
}

/// Unfinished ones that no process has, and whose messages no worker holds: a worker was stopped, or `fanmail retry` was.
fn without_worker(lines: &[NotificationLine], now: NaiveDateTime, grace: TimeDelta) -> Option<String> {
    let alone = || {
        lines.iter().filter(|line| {
            has_message(line)
                && line.record.holder.is_none()
                && !line.message_is_held
                && now - line.record.received_at >= grace
        })
    };
    let named = name(alone(), |line| line.id().to_string())?;
    Some(format!(
        "Without a worker: {named}. A worker sends them when it gets their messages from the queue. {START}. {}",
        if_messages_are_lost(alone())
    ))
}

/// Those for whose events a worker looks.
fn without_event(lines: &[NotificationLine]) -> Option<String> {
    let named = name(lines.iter().filter(|line| line.missing_event.is_some()), |line| {
        let event = line.missing_event.map(|id| id.to_string()).unwrap_or_default();
        format!("{} (event {event} is not in the database)", line.id())
    })?;
    Some(format!(
        "Waiting for the event: {named}. A worker looks for it until EVENT_LOOKUP_GRACE has passed; then the message \
         becomes a dead letter"
    ))
}

/// Whether it is unfinished, and the broker has its message or a worker that holds it.
fn has_message(line: &NotificationLine) -> bool {
    line.is_unfinished() && line.record.acked_at.is_none() && line.record.coalescing_since.is_none()
}

/// What continues unfinished notifications in most cases.
const START: &str = "If no worker is running, start one with: fanmail worker";

/// What to do when the queue was purged or deleted. The ledger cannot tell that from a message that waits.
fn if_messages_are_lost<'a>(lines: impl Iterator<Item = &'a NotificationLine>) -> String {
    format!(
        "If the queue has no message, ready or unacked, the messages are lost: send with: fanmail retry --notification {} \
         --message-lost",
        id_of(lines)
    )
}

fn is_abandoned(line: &NotificationLine) -> bool {
    line.record.state == NotificationState::Abandoned
}

/// The participants of one that has ended for whom no worker has anything to do. A worker tries deferred mails again, but not
/// those of an abandoned notification.
fn without_mail(line: &NotificationLine) -> u64 {
    line.tally.pending + if is_abandoned(line) { line.tally.deferred } else { 0 }
}

/// Abandoned ones of which no participant is pending: a message about an event that does not exist, mostly.
fn abandoned(lines: &[NotificationLine]) -> Option<String> {
    let is_over = |line: &&NotificationLine| is_abandoned(line) && without_mail(line) == 0;
    let abandoned = || lines.iter().filter(is_over).filter(|line| !reminders::is_left_out(line));
    let reason =
        |line: &NotificationLine| line.record.reason.as_deref().unwrap_or("no reason is recorded").to_owned();
    let is_one = abandoned().nth(1).is_none();
    let named = name(abandoned(), |line| {
        if is_one { format!("{} ({})", line.id(), reason(line)) } else { line.id().to_string() }
    })?;
    let hidden = abandoned().count().saturating_sub(MAX_NAMED);
    let reasons = abandoned().skip(if is_one { 1 } else { hidden });
    let reasons: Vec<String> = reasons.map(|line| format!("\n    {}: {}", line.id(), reason(line))).collect();
    Some(format!(
        "Abandoned, and no participant is pending: {named}. If an event comes back, send with: fanmail retry \
         --notification {}{}",
        id_of(abandoned()),
        reasons.concat()
    ))
}

/// Completed ones whose messages the broker may still have.
fn not_acked(lines: &[NotificationLine], now: NaiveDateTime) -> Option<String> {
    let not_acked = lines.iter().filter(|line| {
        let over_at =
            line.record.completed_at.filter(|_| line.record.acked_at.is_none() && !is_abandoned(line));
        over_at.is_some_and(|over_at| now - over_at > GRACE)
    });
    let named = name(not_acked, |line| line.id().to_string())?;
    Some(format!(
        "Completed, but no ack is recorded: {named}. If a message is redelivered, it is acked and no mail is sent (a \
         message without a message_id: only within ten minutes after a worker has connected to the broker)"
    ))
}

/// Completed ones with deferred mails. A worker tries them again: this is for those who cannot wait.
fn deferred(lines: &[NotificationLine], now: NaiveDateTime) -> Option<String> {
    let is_completed = |line: &&NotificationLine| line.record.state == NotificationState::Completed;
    let deferred = || lines.iter().filter(is_completed).filter(|line| line.tally.deferred > 0);
    let named = name(deferred(), |line| {
        let when = line.next_try_at.map(|time| format!(", {}", next_attempt(time, now)));
        let recipients = count(line.tally.deferred, "recipient");
        format!("{} ({recipients}{})", line.id(), when.unwrap_or_default())
    })?;
    let overdue = deferred().filter_map(|line| line.next_try_at).any(|time| now - time > GRACE);
    let start = if overdue { "If no worker is running, start one with: fanmail worker. " } else { "" };
    Some(format!(
        "Deferred: {named}. A worker tries them again by itself. {start}To try them now: fanmail retry --notification {}",
        id_of(deferred())
    ))
}

/// When a deferred mail is due. The day is named unless it is today.
fn next_attempt(time: NaiveDateTime, now: NaiveDateTime) -> String {
    let what = if time > now { "next attempt" } else { "due since" };
    let format = if time.date() == now.date() { "%H:%MZ" } else { "%F %H:%MZ" };
    format!("{what} {}", time.format(format))
}

/// About those with failed deliveries.
#[must_use]
pub fn failed(lines: &[NotificationLine]) -> Option<String> {
    let with_failed = || lines.iter().filter(|line| line.tally.failed > 0 && superseded::is_open(line));
    let named = name(with_failed(), |line| {
        let permanent = line.tally.failed_permanent;
        let temporary = line.tally.failed.saturating_sub(permanent);
        format!("{} ({temporary} temporary, {permanent} permanent)", line.id())
    })?;
    let id = id_of(with_failed());
    let retry = format!("fanmail retry --notification {id}");
    let when = if with_failed().any(NotificationLine::is_unfinished) { " once it is completed" } else { "" };
    let any = |count: fn(&Tally) -> u64| with_failed().any(|line| count(&line.tally) > 0);
    let any_temporary = any(|tally| tally.failed.saturating_sub(tally.failed_permanent));
    let how = match (any_temporary, any(|tally| tally.failed_permanent)) {
        (true, false) => format!("Retry them{when} with: {retry}"),
        (true, true) => format!(
            "Retry temporary failures{when} with: {retry}. Permanent ones: correct the addresses, then add --permanent-too"
        ),
        (false, _) => format!(
            "Permanent failures: correct the addresses, then send{when} with: {retry} --permanent-too"
        ),
    };
    Some(format!("Failed deliveries: {named}. Who, and why: fanmail failures --notification {id}. {how}"))
}

/// Those with outcomes of dry-run mode.
fn dry_run(lines: &[NotificationLine]) -> Option<String> {
    let dry = || lines.iter().filter(|line| line.tally.dry_run > 0 && superseded::is_open(line));
    let named = name(dry(), |line| format!("{} ({})", line.id(), count(line.tally.dry_run, "recipient")))?;
    let when = if dry().any(NotificationLine::is_unfinished) { " once it is completed" } else { "" };
    Some(format!(
        "Dry run, no mail was sent: {named}. To send to them{when}, set EMAIL_DUMMY_MODE=False and run: fanmail retry \
         --notification {} --dummy-too",
        id_of(dry())
    ))
}

#[cfg(test)]
mod tests;
