//! The status page for people, and the same for programs under `/api/`: what the workers do, what is wrong, and what to do. What it says is
//! made in `report`; reading is left to `reading`, the look to `pages`.

mod acting;
mod actions;
mod api;
mod dead_letters;
mod notification;
mod pages;
mod process;
mod reading;
mod replay;
mod retry;
mod sentence;
mod sign_in;
mod step;
mod view;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::{DefaultBodyLimit, Extension, RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::REFRESH;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use url::form_urlencoded;

use crate::content::error::TemplateError;
use crate::domain::ids::NotificationId;
use crate::http::access::{Access, SIGN_IN, Visitor, guard_pages};
use crate::http::broker::RequestBroker;
use crate::http::database::RequestDatabase;
use crate::http::rate_limit::{Allowance, RateLimit};
use crate::http::status_page::actions::Actions;
use crate::http::status_page::dead_letters::{DeadLetterCounts, DeadLetterReader, DeadLettersView, REPLAY};
use crate::http::status_page::pages::Pages;
use crate::http::status_page::process::ProcessView;
use crate::http::status_page::reading::{Snapshot, StatusReader};
use crate::http::status_page::view::{Frame, StatusView};
use crate::observe::health::Monitor;
use crate::report::failures::group::FailureGroup;
use crate::report::notifications::NotificationLine;
use crate::report::verdict::Verdict;
use crate::routes::Routes;
use crate::shutdown::Shutdown;

/// How often a page is read again by itself, in seconds.
const REFRESH_SECONDS: &str = "5";
/// Longest form, in bytes.
const FORM_MAX: usize = 8192;
/// How often one client may try to sign in, and how often all may: a token cannot be guessed, and each try is short.
const EACH: Allowance = Allowance { burst: 10.0, per_second: 0.5 };
const ALL: Allowance = Allowance { burst: 100.0, per_second: 10.0 };

/// What answers with the status. Cheap to clone.
#[derive(Clone)]
pub struct StatusPage {
    inner: Arc<Inner>,
}

struct Inner {
    pages: Pages,
    reader: StatusReader,
    monitor: Monitor,
    access: Access,
    sign_ins: Mutex<RateLimit>,
    database: RequestDatabase,
    broker: RequestBroker,
    dead_letters: DeadLetterReader,
    actions: Actions,
    routes: Option<Arc<Routes>>,
    shutdown: Shutdown,
    sends: bool,
}

/// What the page is about.
pub struct StatusSources {
    /// Health and metrics of this process.
    pub monitor: Monitor,
    /// Who may see and do what.
    pub access: Access,
    /// The ledger.
    pub database: RequestDatabase,
    /// Where dead letters are.
    pub broker: RequestBroker,
    /// Those of `ROUTES_FILE`.
    pub routes: Option<Arc<Routes>>,
    /// Ends what buttons have started.
    pub shutdown: Shutdown,
    /// A worker that has not reported for longer is silent.
    pub report_timeout: Duration,
    /// Whether this worker sends mails, and not only seems to.
    pub sends: bool,
}

/// The value of a field in the query of an address.
fn query_field(query: Option<&str>, name: &str) -> Option<String> {
    let fields = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    fields.into_iter().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

impl StatusPage {
    /// The page about these sources.
    ///
    /// # Errors
    /// When a page does not compile.
    pub fn new(sources: StatusSources) -> Result<Self, TemplateError> {
        let StatusSources { monitor, access, database, broker, routes, shutdown, report_timeout, sends } =
            sources;
        let inner = Inner {
            pages: Pages::new()?,
            reader: StatusReader::new(database.clone(), monitor.fan_outs.clone(), report_timeout),
            sign_ins: Mutex::new(RateLimit::new(EACH, ALL, Instant::now())),
            dead_letters: DeadLetterReader::new(broker.clone()),
            actions: Actions::default(),
            monitor,
            access,
            database,
            broker,
            routes,
            shutdown,
            sends,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The routes.
    pub fn routes(self) -> Router {
        let guarded = middleware::from_fn_with_state(self.inner.access.clone(), guard_pages);
        Router::new()
            .route("/", get(show))
            .route("/notifications/{id}", get(notification::show))
            .route("/notifications/{id}/retry", get(retry::ask).post(retry::act))
            .route(REPLAY, get(replay::ask).post(replay::act))
            .route("/actions/{id}", get(acting::show))
            .merge(api::routes())
            .route_layer(guarded)
            .route(SIGN_IN, get(sign_in::show).post(sign_in::act))
            .route("/sign-out", post(sign_in::leave))
            .layer(DefaultBodyLimit::max(FORM_MAX))
            .with_state(self)
    }
}

impl Inner {
    fn verdict(&self, snapshot: &Snapshot, dead_letters: &DeadLetterCounts) -> Verdict {
        let Snapshot { at, overview, bounces, outbox, .. } = snapshot;
        Verdict::new(&self.monitor.health, overview, bounces, outbox, dead_letters, at.naive_utc())
    }

    /// Why mails of the notifications on the page did not arrive; none if that takes too long to find out.
    async fn failures(&self, lines: &[NotificationLine]) -> Arc<Vec<FailureGroup>> {
        let undelivered =
            lines.iter().filter(|line| line.tally.failed + line.tally.deferred + line.tally.bounced > 0);
        let ids: Vec<NotificationId> = undelivered.map(NotificationLine::id).collect();
        if ids.is_empty() { Arc::default() } else { self.reader.failures(ids).await.unwrap_or_default() }
    }
}

/// What is around a page, whose address may ask that it stays as it is.
fn frame(visitor: &Visitor, query: Option<&str>, path: &str) -> Frame {
    Frame::new(visitor, query_field(query, "refresh").as_deref() != Some("off"), path)
}

async fn show(
    State(StatusPage { inner }): State<StatusPage>,
    Extension(visitor): Extension<Visitor>,
    RawQuery(query): RawQuery,
) -> Response {
    let frame = frame(&visitor, query.as_deref(), "/");
    let Ok(snapshot) = inner.reader.snapshot().await else { return inner.unavailable(&frame) };
    let failures = inner.failures(&snapshot.overview.lines).await;
    let process = ProcessView::new(&inner.monitor.metrics);
    let counts = process.dead_letters();
    let look = inner.dead_letters.look(&counts, process.has_no_dead_letters()).await;
    let dead_letters = DeadLettersView::new(&counts, look.as_deref(), frame.is_signed_in());
    let view =
        StatusView::new(&snapshot, inner.verdict(&snapshot, &counts), &failures, process, dead_letters);
    inner.respond(StatusCode::OK, "status.html", &frame, &view)
}

impl Inner {
    /// The page while the database is away: what this process knows.
    fn unavailable(&self, frame: &Frame) -> Response {
        let verdict = Verdict::without_database(&self.monitor.health);
        let view = StatusView::without_database(verdict, ProcessView::new(&self.monitor.metrics));
        self.respond(StatusCode::SERVICE_UNAVAILABLE, "status.html", frame, &view)
    }

    fn respond(
        &self,
        status: StatusCode,
        template: &str,
        frame: &Frame,
        view: &impl serde::Serialize,
    ) -> Response {
        let response = self.pages.respond(status, template, frame, view);
        if frame.refreshes() { ([(REFRESH, REFRESH_SECONDS)], response).into_response() } else { response }
    }
}

#[cfg(test)]
pub(super) mod tests;
