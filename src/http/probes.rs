//! `GET /livez`, `/readyz`, `/healthz` and `/metrics`, for probes and Prometheus. Probes get an answer without a token; the reasons of a
//! problem, which name hosts, and the metrics are for those who may see data.

use std::fmt;
use std::sync::Arc;

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
    /// Whether the threads of the process move.
    pub liveness: Liveness,
}

/// Says whether the threads of the process move. It must not ask others.
#[derive(Clone)]
pub struct Liveness(Arc<dyn Fn() -> bool + Send + Sync>);

impl Liveness {
    /// As `ask` says.
    pub fn new(ask: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }
}

impl fmt::Debug for Liveness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Liveness(…)")
    }
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

async fn livez(State(Probes { liveness, .. }): State<Probes>) -> Response {
    if (liveness.0)() {
        text(StatusCode::OK, "ok\n")
    } else {
        text(StatusCode::SERVICE_UNAVAILABLE, "a thread that takes messages hangs; restart the worker\n")
    }
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

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use hyper::service::Service as _;
    use hyper_util::service::TowerToHyperService;
    use tokio::runtime::Builder;

    use super::*;
    use crate::config::http::HttpConfig;
    use crate::http::database::RequestDatabase;
    use crate::observe::health::Part;

    #[test]
    fn livez_is_about_threads_and_not_about_other_machines() {
        let (monitor, runtime) = (Monitor::default(), Builder::new_current_thread().build().unwrap());
        for part in [Part::Broker, Part::Database, Part::Relay] {
            monitor.health.set_problem(part, "down".to_owned());
        }
        for (moves, expected) in [(true, 200), (false, 503)] {
            let probes = Probes {
                monitor: monitor.clone(),
                readiness: Readiness::new(monitor.health.clone(), RequestDatabase::default(), true, true),
                access: Access::new(&HttpConfig { addr: None, tokens: Vec::new() }),
                liveness: Liveness::new(move || moves),
            };
            let routes = TowerToHyperService::new(routes(probes));
            let asked = routes.call(Request::get("/livez").body(Body::empty()).unwrap());
            assert_eq!(runtime.block_on(asked).unwrap().status().as_u16(), expected);
        }
    }
}
