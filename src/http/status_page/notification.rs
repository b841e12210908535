//! `/notifications/N`: one notification, why mails of it did not arrive, and what to do.

use axum::extract::{Extension, Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::NaiveDateTime;
use serde::Serialize;

use crate::domain::ids::NotificationId;
use crate::http::access::Visitor;
use crate::http::respond::text;
use crate::http::status_page::reading::OneNotification;
use crate::http::status_page::sentence::{Piece, pieces};
use crate::http::status_page::view::{GROUPS, ProgressView, Row, Time};
use crate::http::status_page::{StatusPage, frame};
use crate::report::advice;
use crate::report::failures::advice::advice as failure_advice;
use crate::report::failures::group::FailureGroup;
use crate::report::notifications::NotificationLine;
use crate::store::ledger::row::NotificationState;
use crate::text::count::grouped;
use crate::text::mask::masked_line;
use crate::text::timestamp::to_the_second;

pub(super) async fn show(
    State(StatusPage { inner }): State<StatusPage>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let Some(id) = read_id(&id) else { return unknown(&id) };
    let frame = frame(&visitor, query.as_deref(), &format!("/notifications/{id}"));
    let Ok(found) = inner.reader.notification(id).await else { return inner.unavailable(&frame) };
    let Some(found) = found.as_ref() else { return unknown(&id.to_string()) };
    let failures = inner.failures(std::slice::from_ref(&found.line)).await;
    let view = NotificationView::new(found, &failures, inner.sends && frame.is_signed_in());
    inner.respond(StatusCode::OK, "notification.html", &frame, &view)
}

pub(super) fn read_id(text: &str) -> Option<NotificationId> {
    text.parse().ok().filter(|id| *id > 0).map(NotificationId)
}

pub(super) fn unknown(id: &str) -> Response {
    let id: String = id.chars().take(40).filter(char::is_ascii_graphic).collect();
    text(StatusCode::NOT_FOUND, format!("there is no notification {id}\n"))
}

/// Whether there is something that a button can have tried again.
pub(super) fn can_retry(line: &NotificationLine) -> bool {
    line.record.state == NotificationState::Completed && line.tally.failed + line.tally.deferred > 0
}

/// What is known of a notification.
#[derive(Serialize)]
struct Fact {
    name: &'static str,
    value: String,
}

/// The page of one notification.
#[derive(Serialize)]
struct NotificationView<'a> {
    at: Time,
    row: Row,
    progress: Option<ProgressView>,
    reason: Option<String>,
    facts: Vec<Fact>,
    sentences: Vec<Vec<Piece>>,
    failures: &'a [FailureGroup],
    more_failures: usize,
    /// Whether there is a button to try mails again.
    can_retry: bool,
}

impl<'a> NotificationView<'a> {
    /// `may_change`: the visitor may try mails again.
    fn new(found: &OneNotification, failures: &'a [FailureGroup], may_change: bool) -> Self {
        let OneNotification { at, line, progress } = found;
        let lines = std::slice::from_ref(line);
        let mut sentences = advice::problems(lines);
        let cures = failure_advice(failures);
        // They say the same of each reason.
        let general = advice::failed(lines).filter(|_| !cures.is_empty());
        let advice = advice::advice(lines, at.naive_utc(), true);
        sentences.extend(advice.into_iter().filter(|sentence| general.as_ref() != Some(sentence)));
        sentences.extend(cures);
        Self {
            at: Time::new(*at, to_the_second(*at)),
            row: Row::new(line, *at),
            progress: progress.as_ref().map(ProgressView::new),
            reason: line.record.reason.as_deref().map(masked_line),
            facts: facts(line),
            can_retry: may_change && can_retry(line),
            sentences: sentences.iter().map(|sentence| pieces(sentence)).collect(),
            failures: &failures[..failures.len().min(GROUPS)],
            more_failures: failures.len().saturating_sub(GROUPS),
        }
    }
}

fn facts(line: &NotificationLine) -> Vec<Fact> {
    let (record, tally) = (&line.record, &line.tally);
    let time = |time: NaiveDateTime| to_the_second(time.and_utc());
    let numbers = [
        ("sent", tally.sent),
        ("of them in a dry run", tally.dry_run),
        ("bounced", tally.bounced),
        ("complained", tally.complained),
        ("failed for good", tally.failed_permanent),
        ("failed for a reason that may pass", tally.failed.saturating_sub(tally.failed_permanent)),
        ("skipped", tally.skipped),
        ("deferred", tally.deferred),
        ("pending", tally.pending),
    ];
    let people = match &line.uncounted {
        None => grouped(tally.participants),
        Some(why) => format!("they cannot be counted: {}", masked_line(why)),
    };
    let mut facts = vec![("people", people)];
    let counted = numbers.into_iter().filter(|(_, number)| *number > 0);
    facts.extend(counted.map(|(name, number)| (name, grouped(number))));
    facts.push(("received", time(record.received_at)));
    facts.extend(record.completed_at.map(|at| ("completed", time(at))));
    facts.extend(line.next_try_at.map(|at| ("next attempt", time(at))));
    facts.extend(line.worker().map(|worker| ("worker", worker.to_owned())));
    facts.extend(record.message_key.as_deref().map(|key| ("message id", masked_line(key))));
    facts.into_iter().map(|(name, value)| Fact { name, value }).collect()
}
