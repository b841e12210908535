//! `/sign-in` and `/sign-out`: a person shows the token once, and has a session then.

use std::time::Instant;

use axum::body::Bytes;
use axum::extract::{Extension, RawQuery, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Serialize;
use url::form_urlencoded;

use crate::http::access::{Refusal, SIGN_IN, UNSENT};
use crate::http::client::{Peer, client_address};
use crate::http::status_page::view::Frame;
use crate::http::status_page::{StatusPage, query_field};
use crate::sync::lock;

#[derive(Serialize)]
struct SignInView<'a> {
    next: &'a str,
    message: Option<&'static str>,
}

pub(super) async fn show(State(page): State<StatusPage>, RawQuery(query): RawQuery) -> Response {
    let field = |name| query_field(query.as_deref(), name);
    let message = field(UNSENT).map(
        |_| "You are not signed in any more, so nothing was changed. Sign in, and press the button again.",
    );
    form(&page, StatusCode::OK, field("next").as_deref().unwrap_or("/"), message)
}

pub(super) async fn act(
    State(page): State<StatusPage>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fields: Vec<(String, String)> = form_urlencoded::parse(&body).into_owned().collect();
    let field =
        |name: &str| fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
    let next = field("next");
    if !lock(&page.inner.sign_ins).allows(client_address(peer, &headers), Instant::now()) {
        return form(&page, StatusCode::TOO_MANY_REQUESTS, next, Some("Too many tries. Wait a few seconds."));
    }
    match page.inner.access.sign_in(field("token").trim(), &headers) {
        Some(cookie) => ([(SET_COOKIE, cookie)], Redirect::to(own_path(next))).into_response(),
        None => form(&page, StatusCode::FORBIDDEN, next, Some("This is not the token.")),
    }
}

/// Needs no seal: to be signed out does no harm.
pub(super) async fn leave(State(page): State<StatusPage>) -> Response {
    ([(SET_COOKIE, page.inner.access.sign_out())], Redirect::to(SIGN_IN)).into_response()
}

fn form(page: &StatusPage, status: StatusCode, next: &str, message: Option<&'static str>) -> Response {
    if page.inner.access.has_no_sign_in() {
        return Refusal::Closed.into_response();
    }
    let view = SignInView { next: own_path(next), message };
    page.inner.pages.respond(status, "sign_in.html", &Frame::still(), &view)
}

/// A path of the status page: the writer of a link must not choose where a person is after signing in.
fn own_path(next: &str) -> &str {
    let id = next.strip_prefix("/notifications/").unwrap_or_default();
    let id = id.strip_suffix("/retry").unwrap_or(id);
    let is_notification = !id.is_empty() && id.len() < 20 && id.bytes().all(|byte| byte.is_ascii_digit());
    if is_notification { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_elsewhere() {
        for own in ["/notifications/72", "/notifications/72/retry"] {
            assert_eq!(own_path(own), own);
        }
        for next in [
            "",
            "//evil.example",
            "https://evil.example",
            "/notifications/7/../..",
            "/notifications/",
            "/notifications//retry",
            "/\\evil",
        ] {
            assert_eq!(own_path(next), "/", "{next}");
        }
    }
}
