//! The HTML of the pages: templates that are compiled in, one stylesheet, and the headers with which a browser keeps everything else out.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::sha::sha256;
use serde::Serialize;
use tera::{Context, Tera, Value};

use crate::content::error::TemplateError;
use crate::http::status_page::view::Frame;

const STYLE: &str = include_str!("style.css");
const TEMPLATES: [(&str, &str); 7] = [
    ("base.html", include_str!("base.html")),
    ("failures.html", include_str!("failures.html")),
    ("pieces.html", include_str!("pieces.html")),
    ("status.html", include_str!("status.html")),
    ("notification.html", include_str!("notification.html")),
    ("step.html", include_str!("step.html")),
    ("sign_in.html", include_str!("sign_in.html")),
];

const X_ROBOTS_TAG: HeaderName = HeaderName::from_static("x-robots-tag");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Writes the pages.
pub(super) struct Pages {
    tera: Tera,
    policy: String,
}

impl Pages {
    pub(super) fn new() -> Result<Self, TemplateError> {
        let mut tera = Tera::default();
        tera.add_raw_templates(TEMPLATES).map_err(|error| TemplateError(error.to_string()))?;
        let hash = STANDARD.encode(sha256(STYLE.as_bytes()));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        );
        Ok(Self { tera, policy })
    }

    /// The page `template` with what it shows.
    pub(super) fn respond(
        &self,
        status: StatusCode,
        template: &str,
        frame: &Frame,
        view: &impl Serialize,
    ) -> Response {
        let mut context = Context::new();
        context.insert_value("style", Value::safe_string(STYLE));
        context.insert("frame", frame);
        context.insert("view", view);
        match self.tera.render(template, &context) {
            Ok(html) => (status, self.headers(), html).into_response(),
            Err(error) => {
                log::error!("http: {template}: {error} (a bug in fanmail)");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }

    fn headers(&self) -> [(HeaderName, &str); 9] {
        [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (CONTENT_SECURITY_POLICY, &self.policy),
            // Not `no-referrer`: with that, a browser does not say in `Origin` which page has posted a form.
            (REFERRER_POLICY, "same-origin"),
            (CACHE_CONTROL, "no-store"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (X_FRAME_OPTIONS, "DENY"),
            (X_ROBOTS_TAG, "noindex, nofollow"),
            (OPENER_POLICY, "same-origin"),
            (RESOURCE_POLICY, "same-origin"),
        ]
    }
}
