//! `/api/`: the status for programs. The keys are those of `--format json`.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use serde_json::Value;

use crate::http::database::Unavailable;
use crate::http::respond::json;
use crate::http::status_page::dead_letters::DeadLetterLook;
use crate::http::status_page::notification::{read_id, unknown};
use crate::http::status_page::process::ProcessView;
use crate::http::status_page::{Inner, StatusPage};
use crate::report::dead_letters::groups::DeadLetterGroup;
use crate::report::failures::group::FailureGroup;
use crate::report::notifications::{JsonNotification, NotificationLine};
use crate::report::progress::Progress;
use crate::report::verdict::Verdict;
use crate::report::workers::JsonWorker;
use crate::text::timestamp::rfc3339;

pub(super) fn routes() -> Router<StatusPage> {
    Router::new()
        .route("/api/status", get(status))
        .route("/api/notifications", get(notifications))
        .route("/api/notifications/{id}", get(notification))
        .route("/api/workers", get(workers))
        .route("/api/failures", get(failures))
}

/// Everything. Programs rely on these keys.
#[derive(Serialize)]
struct JsonStatus<'a> {
    read_at: String,
    verdict: Verdict,
    this_worker: ProcessView,
    /// By their reasons; null while these are not known.
    dead_letters: Option<Vec<Value>>,
    workers: Vec<JsonWorker<'a>>,
    running: &'a [Progress],
    notifications: Vec<JsonNotification<'a>>,
    hidden: u64,
}

/// One notification. Programs rely on these keys.
#[derive(Serialize)]
struct JsonOne<'a> {
    #[serde(flatten)]
    notification: JsonNotification<'a>,
    running: Option<Progress>,
    failures: &'a [FailureGroup],
}

async fn status(State(StatusPage { inner }): State<StatusPage>) -> Response {
    let snapshot = match inner.reader.snapshot().await {
        Ok(snapshot) => snapshot,
        Err(Unavailable) => return unavailable(&inner),
    };
    let this_worker = ProcessView::new(&inner.monitor.metrics);
    let counts = this_worker.dead_letters();
    let look = inner.dead_letters.look(&counts, this_worker.has_no_dead_letters()).await;
    let status = JsonStatus {
        read_at: rfc3339(snapshot.at),
        verdict: inner.verdict(&snapshot, &counts),
        dead_letters: dead_letters(&this_worker, look.as_deref()),
        this_worker,
        workers: snapshot.overview.workers.to_json(),
        running: &snapshot.progress,
        notifications: snapshot.overview.lines.iter().map(NotificationLine::to_json).collect(),
        hidden: snapshot.overview.hidden,
    };
    json(StatusCode::OK, &status)
}

/// None at all are none, whatever a look has found.
fn dead_letters(process: &ProcessView, look: Option<&DeadLetterLook>) -> Option<Vec<Value>> {
    let groups = look
        .filter(|look| !look.groups.is_empty())
        .map(|look| look.groups.iter().map(DeadLetterGroup::to_json).collect());
    groups.or_else(|| process.has_no_dead_letters().then(Vec::new))
}

async fn notifications(State(StatusPage { inner }): State<StatusPage>) -> Response {
    match inner.reader.snapshot().await {
        Ok(snapshot) => {
            let list: Vec<_> = snapshot.overview.lines.iter().map(NotificationLine::to_json).collect();
            json(StatusCode::OK, &list)
        }
        Err(Unavailable) => unavailable(&inner),
    }
}

async fn workers(State(StatusPage { inner }): State<StatusPage>) -> Response {
    match inner.reader.snapshot().await {
        Ok(snapshot) => json(StatusCode::OK, &snapshot.overview.workers.to_json()),
        Err(Unavailable) => unavailable(&inner),
    }
}

async fn failures(State(StatusPage { inner }): State<StatusPage>) -> Response {
    match inner.reader.snapshot().await {
        Ok(snapshot) => json(StatusCode::OK, &*inner.failures(&snapshot.overview.lines).await),
        Err(Unavailable) => unavailable(&inner),
    }
}

async fn notification(State(StatusPage { inner }): State<StatusPage>, Path(id): Path<String>) -> Response {
    let Some(key) = read_id(&id) else { return unknown(&id) };
    let Ok(found) = inner.reader.notification(key).await else { return unavailable(&inner) };
    let Some(found) = found.as_ref() else { return unknown(&id) };
    let failures = inner.failures(std::slice::from_ref(&found.line)).await;
    let one = JsonOne { notification: found.line.to_json(), running: found.progress, failures: &failures };
    json(StatusCode::OK, &one)
}

/// What this process knows by itself.
fn unavailable(inner: &Inner) -> Response {
    let verdict = Verdict::without_database(&inner.monitor.health);
    let known = json(StatusCode::SERVICE_UNAVAILABLE, &serde_json::json!({ "verdict": verdict }));
    ([(RETRY_AFTER, "5")], known).into_response()
}
