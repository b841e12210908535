//! `GET /healthz` and `GET /metrics`, and what is said of every other path.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::observe::health::Monitor;

/// The text format of Prometheus, which is plain text.
const PLAIN: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers with the state of this process. `paths` are those that are served.
pub fn routes(monitor: Monitor, paths: &'static str) -> Router {
    let only_get = || async { text(StatusCode::METHOD_NOT_ALLOWED, "only GET is allowed\n") };
    let not_found =
        move || async move { text(StatusCode::NOT_FOUND, format!("not found; available: {paths}\n")) };
    Router::new()
        .route("/healthz", get(healthz))
        .route("/metrics", get(metrics))
        .method_not_allowed_fallback(only_get)
        .fallback(not_found)
        .with_state(monitor)
}

async fn healthz(State(Monitor { health, .. }): State<Monitor>) -> Response {
    match health.problems() {
        none if none.is_empty() => text(StatusCode::OK, format!("ok\n{}", health.notes())),
        problems => text(StatusCode::SERVICE_UNAVAILABLE, problems + &health.notes()),
    }
}

async fn metrics(State(Monitor { metrics, .. }): State<Monitor>) -> Response {
    text(StatusCode::OK, metrics.render())
}

fn text(status: StatusCode, body: impl IntoResponse) -> Response {
    (status, [(CONTENT_TYPE, PLAIN)], body).into_response()
}
