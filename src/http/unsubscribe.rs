//! `/unsubscribe/TOKEN`: the page behind the links that unsubscribe, and one-click unsubscribing (RFC 8058). GET changes nothing, because
//! scanners of mails open links. Whoever has a link may use it: there is no login, and no cookie that a foreign page could use. How the
//! page looks is left to `content`.

mod choices;
mod form;

use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Extension, Path, State};
use axum::http::header::{
    ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER,
    VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::config::email::unsubscribe::UnsubscribeConfig;
use crate::config::secret::Secret;
use crate::content::error::TemplateError;
use crate::content::renderer::Templates;
use crate::content::unsubscribe_page::{PageRefusal, PreferredLanguage, UnsubscribePages};
use crate::domain::unsubscribe_token::{TokenKeys, UnsubscribeToken};
use crate::http::client::{Peer, client_address};
use crate::http::database::RequestDatabase;
use crate::http::rate_limit::{Allowance, RateLimit};
use crate::http::unsubscribe::form::FormAction;
use crate::observe::events::unsubscribing;
use crate::observe::metrics::Metrics;
use crate::sync::lock;

/// Longest form, in bytes. Those of the page have 30, that of RFC 8058 has 26, or 200 as multipart/form-data.
const FORM_MAX: usize = 4096;
/// How often one client may look, and as often act. Mail providers unsubscribe many people from few addresses.
const EACH: Allowance = Allowance { burst: 100.0, per_second: 10.0 };
/// How often all may: each time takes a few queries.
const ALL: Allowance = Allowance { burst: 300.0, per_second: 50.0 };

const X_ROBOTS_TAG: HeaderName = HeaderName::from_static("x-robots-tag");

/// What answers such requests. Cheap to clone.
#[derive(Clone)]
pub struct Unsubscribing {
    inner: Arc<Inner>,
}

struct Inner {
    keys: TokenKeys,
    pages: UnsubscribePages,
    policy: String,
    database: RequestDatabase,
    /// Of those who look. Scanners of mails open all links of a fan-out, and people have to be able to act meanwhile.
    looks: Mutex<RateLimit>,
    /// Of those who act.
    acts: Mutex<RateLimit>,
    metrics: Arc<Metrics>,
}

impl Unsubscribing {
    /// As configured, with the words of these templates.
    ///
    /// # Errors
    /// When a page does not render.
    pub fn new(
        config: &UnsubscribeConfig,
        templates: &Templates,
        database: RequestDatabase,
        metrics: Arc<Metrics>,
    ) -> Result<Self, TemplateError> {
        let pages = UnsubscribePages::new(templates)?;
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            pages.style_hash()
        );
        let keys = TokenKeys::new(config.secrets.iter().map(Secret::expose));
        let [looks, acts] = [(); 2].map(|()| Mutex::new(RateLimit::new(EACH, ALL, Instant::now())));
        let inner = Inner { keys, pages, policy, database, looks, acts, metrics };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The routes.
    pub fn routes(self) -> Router {
        Router::new()
            .route("/unsubscribe/{token}", get(show).post(act))
            .layer(DefaultBodyLimit::max(FORM_MAX))
            .with_state(self)
    }
}

impl Inner {
    /// What the token says, if this client may ask for it now; else what it is told.
    fn admit(
        &self,
        rate_limit: &Mutex<RateLimit>,
        peer: Peer,
        headers: &HeaderMap,
        token: &str,
    ) -> Result<UnsubscribeToken, (StatusCode, PageRefusal)> {
        // Without a limit: it costs less than to count it.
        let Some(token) = self.keys.read(token) else {
            return Err((StatusCode::NOT_FOUND, PageRefusal::BadLink));
        };
        let client = client_address(peer, headers);
        if !lock(rate_limit).allows(client, Instant::now()) {
            return Err((StatusCode::TOO_MANY_REQUESTS, PageRefusal::Unavailable));
        }
        Ok(token)
    }

    /// Does what the form says, if there is one, and shows what is chosen then.
    async fn answer(
        &self,
        token: UnsubscribeToken,
        action: Option<FormAction>,
        headers: &HeaderMap,
    ) -> Response {
        let locale = token.locale.clone();
        let asked = self.database.ask(move |store| choices::carry_out(store, &token, action)).await;
        let Ok((page, changed)) = asked else {
            let unavailable = StatusCode::SERVICE_UNAVAILABLE;
            return self.refuse(unavailable, PageRefusal::Unavailable, locale.as_deref(), headers);
        };
        if let Some(changed) = changed {
            unsubscribing::changed(&self.metrics, changed);
        }
        match self.pages.choices(&page, preferred(locale.as_deref(), headers)) {
            Ok(html) => self.respond(StatusCode::OK, html),
            Err(error) => {
                log::error!("http: {error}");
                self.refuse(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    PageRefusal::Unavailable,
                    locale.as_deref(),
                    headers,
                )
            }
        }
    }

    fn refuse(
        &self,
        status: StatusCode,
        refusal: PageRefusal,
        locale: Option<&str>,
        headers: &HeaderMap,
    ) -> Response {
        let html = self.pages.refusal(refusal, preferred(locale, headers));
        let response = self.respond(status, html);
        match refusal {
            PageRefusal::Unavailable => ([(RETRY_AFTER, "60")], response).into_response(),
            PageRefusal::BadLink => response,
        }
    }

    fn respond(&self, status: StatusCode, html: String) -> Response {
        let headers = [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (CONTENT_SECURITY_POLICY, &self.policy),
            (REFERRER_POLICY, "no-referrer"),
            (CACHE_CONTROL, "no-store"),
            (VARY, "Accept-Language"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (X_ROBOTS_TAG, "noindex, nofollow"),
        ];
        (status, headers, html).into_response()
    }
}

async fn show(
    State(Unsubscribing { inner }): State<Unsubscribing>,
    Extension(peer): Extension<Peer>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Response {
    match inner.admit(&inner.looks, peer, &headers, &token) {
        Ok(token) => inner.answer(token, None, &headers).await,
        Err((status, refusal)) => inner.refuse(status, refusal, None, &headers),
    }
}

async fn act(
    State(Unsubscribing { inner }): State<Unsubscribing>,
    Extension(peer): Extension<Peer>,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let token = match inner.admit(&inner.acts, peer, &headers, &token) {
        Ok(token) => token,
        Err((status, refusal)) => return inner.refuse(status, refusal, None, &headers),
    };
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match form::read(content_type, &body) {
        Some(action) => inner.answer(token, Some(action), &headers).await,
        None => {
            inner.refuse(StatusCode::BAD_REQUEST, PageRefusal::BadLink, token.locale.as_deref(), &headers)
        }
    }
}

fn preferred<'a>(locale: Option<&'a str>, headers: &'a HeaderMap) -> PreferredLanguage<'a> {
    let accept_language = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    PreferredLanguage { locale, accept_language }
}
