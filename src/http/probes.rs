//! `GET /healthz` and `GET /metrics`. `server` reads requests and writes responses.

use crate::observe::health::Monitor;

/// A response with a plain-text body.
pub(crate) struct Response {
    /// Status code and reason phrase, and headers beyond those of every response.
    pub status: &'static str,
    /// The text.
    pub body: String,
}

/// Answers one request. `target` is the request target (RFC 9112, section 3.2); its query is ignored.
pub(crate) fn respond(method: &str, target: &str, Monitor { health, metrics }: &Monitor) -> Response {
    let path = target.split('?').next().unwrap_or_default();
    let (status, body) = match (method, path) {
        ("GET", "/healthz") => match health.problems() {
            none if none.is_empty() => ("200 OK", format!("ok\n{}", health.notes())),
            problems => ("503 Service Unavailable", problems + &health.notes()),
        },
        ("GET", "/metrics") => ("200 OK", metrics.render()),
        (_, "/healthz" | "/metrics") => {
            ("405 Method Not Allowed\r\nAllow: GET", "only GET is allowed\n".to_owned())
        }
        _ => ("404 Not Found", "not found; available: /healthz and /metrics\n".to_owned()),
    };
    Response { status, body }
}
