//! `GET /livez`, `/readyz`, `/healthz` and `/metrics`, for probes and Prometheus. Probes get an answer without a token; the reasons of a
//! problem, which name hosts, and the metrics are for those who may see data.

use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, middleware};

use crate::http::access::{Access, guard_numbers};
use crate::http::readiness::Readiness;
use crate::http::respond::{json, text};
use crate::observe::exposition::{self, Format};
use crate::observe::health::Monitor;

/// What probes ask about.
#[derive(Debug, Clone)]
pub struct Probes {
    /// What is wrong, and what was counted.
    pub monitor: Monitor,
    /// Whether the worker can work.
    pub readiness: Readiness,
    /// Who may hear reasons and see metrics.
    pub access: Access,
}

/// Answers with the state of this process.
pub fn routes(probes: Probes) -> Router {
    let metrics_only = middleware::from_fn_with_state(probes.access.clone(), guard_numbers);
    Router::new()
        .route("/metrics", get(metrics))
        .route_layer(metrics_only)
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/healthz", get(healthz))
        .method_not_allowed_fallback(only_get)
        .with_state(probes)
}

async fn only_get() -> Response {
    text(StatusCode::METHOD_NOT_ALLOWED, "only GET is allowed\n")
}

async fn livez() -> Response {
    text(StatusCode::OK, "ok\n")
}

async fn readyz(State(Probes { readiness, access, .. }): State<Probes>, headers: HeaderMap) -> Response {
    let mut states = readiness.states();
    let code = status(states.are_ready());
    if !access.may_hear_reasons(&headers) {
        states = states.without_reasons();
    }
    if wants_json(&headers) {
        return json(code, &states);
    }
    text(code, states.to_text())
}

async fn healthz(State(Probes { monitor, access, .. }): State<Probes>, headers: HeaderMap) -> Response {
    let (problems, notes) = (monitor.health.problems(), monitor.health.notes());
    let status = status(problems.is_empty());
    let first = if problems.is_empty() { "ok\n" } else { problems.as_str() };
    let body = if access.may_hear_reasons(&headers) {
        format!("{first}{notes}")
    } else {
        first.lines().map(name_of_part).collect::<Vec<_>>().join("\n") + "\n"
    };
    text(status, body)
}

async fn metrics(State(Probes { monitor, .. }): State<Probes>, headers: HeaderMap) -> Response {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let format = Format::accepted(accept);
    match exposition::render(&monitor, format) {
        Ok(metrics) => ([(CONTENT_TYPE, format.content_type()), (VARY, "Accept")], metrics).into_response(),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

fn status(works: bool) -> StatusCode {
    if works { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

/// What stands before the reason.
fn name_of_part(line: &str) -> &str {
    line.split_once(':').map_or(line, |(part, _)| part)
}

fn wants_json(headers: &HeaderMap) -> bool {
    headers.get(ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains("json"))
}
