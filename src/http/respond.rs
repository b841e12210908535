//! Responses of plain text and of JSON.

use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// Lines of text.
const PLAIN: &str = "text/plain; charset=utf-8";

/// Lines for people and probes.
pub fn text(status: StatusCode, body: impl IntoResponse) -> Response {
    (status, [(CONTENT_TYPE, PLAIN)], body).into_response()
}

/// An object or a list, for programs.
pub fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    match serde_json::to_string_pretty(value) {
        Ok(text) => (status, headers, text + "\n").into_response(),
        Err(error) => {
            log::error!("http: {error} (a bug in fanmail)");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
