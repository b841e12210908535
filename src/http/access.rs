//! Who may see data, and who may change something. On this machine everybody may look, unless there is a token; from elsewhere only those
//! who show it: programs in the header `Authorization`, people by a [`Session`]. Pages for everybody, such as those that unsubscribe, do
//! not ask here.

pub mod form;
pub mod session;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, FORWARDED, HOST, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use url::form_urlencoded;

use crate::config::http::HttpConfig;
use crate::config::secret::Secret;
use crate::hmac::{HmacKey, are_equal};
use crate::http::access::session::{Session, end_cookie};

/// Where people sign in.
pub const SIGN_IN: &str = "/sign-in";
/// The field in the query of [`SIGN_IN`] that says that a form was not accepted, because the visitor was not signed in.
pub const UNSENT: &str = "unsent";

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// What is compared of a token, so that its length does not show in the time that it takes.
const COMPARED: &[u8] = b"fanmail token";

/// What the requests of other machines may see. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Access {
    /// Each of them opens everything.
    tokens: Arc<[HmacKey]>,
    /// Whether other machines reach the server.
    is_exposed: bool,
}

/// Who is asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Visitor {
    /// A person or a program on this machine, where there is no token.
    Local,
    /// A program that has shown the token.
    Program,
    /// A person who has signed in.
    Person(Session),
}

/// Why a visitor does not get what is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Other machines reach the server, and there is no token that they could show.
    Closed,
    /// It did not come from this machine in a direct way, and there is no token.
    NotLocal,
    /// The token is missing or wrong.
    NoToken,
}

/// Which pages of other origins may not reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    /// A program of this machine, or a proxy in front.
    Anywhere,
    /// This machine, without a proxy in between, by its own name: a web page elsewhere can have the browser ask a name of its own that
    /// leads here ("DNS rebinding").
    ThisMachine,
}

impl Access {
    /// As configured.
    #[must_use]
    pub fn new(config: &HttpConfig) -> Self {
        let key = |token: &Secret| HmacKey::new(token.expose().as_bytes());
        Self { tokens: config.tokens.iter().map(key).collect(), is_exposed: config.is_exposed() }
    }

    /// Who is asking, if they may see data.
    ///
    /// # Errors
    /// Why they may not.
    fn admit(&self, headers: &HeaderMap, from: From) -> Result<Visitor, Refusal> {
        if self.tokens.is_empty() {
            return match from {
                _ if self.is_exposed => Err(Refusal::Closed),
                From::ThisMachine if !is_direct(headers) => Err(Refusal::NotLocal),
                _ => Ok(Visitor::Local),
            };
        }
        let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(bearer);
        if bearer.is_some_and(|shown| self.is_token(shown)) {
            return Ok(Visitor::Program);
        }
        let session = Session::of(&self.tokens, headers, SystemTime::now());
        session.map(Visitor::Person).ok_or(Refusal::NoToken)
    }

    /// Whether there is nothing to sign in with.
    #[must_use]
    pub fn has_no_sign_in(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The header `Set-Cookie` for a person who shows a token; `None` if it is none.
    #[must_use]
    pub fn sign_in(&self, shown: &str, headers: &HeaderMap) -> Option<String> {
        let over_tls = headers.get("x-forwarded-proto").is_some_and(|value| value == "https");
        let session = self.is_token(shown).then(|| Session::begin(&self.tokens, SystemTime::now()))??;
        Some(session.set_cookie(&self.tokens, over_tls))
    }

    /// The header `Set-Cookie` for a person who signs out.
    #[must_use]
    pub fn sign_out(&self) -> String {
        end_cookie(&self.tokens)
    }

    /// Whether the reasons of a problem may be told, and not only that there is one.
    #[must_use]
    pub fn may_hear_reasons(&self, headers: &HeaderMap) -> bool {
        self.admit(headers, From::Anywhere).is_ok()
    }

    fn is_token(&self, shown: &str) -> bool {
        let shown = HmacKey::new(shown.as_bytes()).mac(COMPARED);
        // Without `any`, which would tell by its time which one it is.
        self.tokens.iter().fold(false, |found, token| found | are_equal(&token.mac(COMPARED), &shown))
    }
}

/// Lets only those through who may see data; what they ask for has a [`Visitor`] then. For what is read by programs, also where a proxy
/// passes everything on.
pub async fn guard_numbers(State(access): State<Access>, request: Request, next: Next) -> Response {
    guard(&access, From::Anywhere, request, next).await
}

/// The same for what a browser shows.
pub async fn guard_pages(State(access): State<Access>, request: Request, next: Next) -> Response {
    guard(&access, From::ThisMachine, request, next).await
}

async fn guard(access: &Access, from: From, mut request: Request, next: Next) -> Response {
    match access.admit(request.headers(), from) {
        Ok(visitor) => {
            request.extensions_mut().insert(visitor);
            next.run(request).await
        }
        Err(Refusal::NoToken) if from == From::ThisMachine && is_read_by_a_person(&request) => {
            let mut query = form_urlencoded::Serializer::new(String::new());
            query.append_pair("next", request.uri().path());
            if request.method() == Method::POST {
                query.append_pair(UNSENT, "yes");
            }
            Redirect::to(&format!("{SIGN_IN}?{}", query.finish())).into_response()
        }
        Err(refusal) => refusal.into_response(),
    }
}

fn is_read_by_a_person(request: &Request) -> bool {
    let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    [Method::GET, Method::HEAD, Method::POST].contains(request.method()) && accept.contains("text/html")
}

impl Refusal {
    fn sentence(self) -> &'static str {
        match self {
            Self::Closed => {
                "HTTP_TOKEN is not set, so nobody gets this from another machine than the worker's; set it (openssl rand -hex 32), restart \
                 the worker, and show it: Authorization: Bearer TOKEN"
            }
            Self::NotLocal => {
                "HTTP_TOKEN is not set, so this is only for requests that are made on the worker's machine, at its own address (such as \
                 127.0.0.1), and not through a proxy; to see it from elsewhere, set HTTP_TOKEN (openssl rand -hex 32) and restart the \
                 worker"
            }
            Self::NoToken => {
                "the token is missing or wrong; show that of HTTP_TOKEN: Authorization: Bearer TOKEN"
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let text = [(CONTENT_TYPE, "text/plain; charset=utf-8")];
        let body = format!("{}\n", self.sentence());
        match self {
            Self::Closed | Self::NotLocal => (StatusCode::FORBIDDEN, text, body).into_response(),
            Self::NoToken => {
                let how = [(WWW_AUTHENTICATE, "Bearer realm=\"fanmail\"")];
                (StatusCode::UNAUTHORIZED, how, text, body).into_response()
            }
        }
    }
}

/// The token in the value of `Authorization` (RFC 6750).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim())
}

/// Whether a request on the loopback interface names this machine itself, and no proxy has passed it on.
fn is_direct(headers: &HeaderMap) -> bool {
    let is_passed_on = headers.contains_key(X_FORWARDED_FOR) || headers.contains_key(FORWARDED);
    let host = headers.get(HOST).map(|value| value.to_str().unwrap_or_default());
    !is_passed_on && host.is_none_or(is_this_machine)
}

/// Whether the value of `Host` names this machine, with or without a port.
fn is_this_machine(host: &str) -> bool {
    let without_port =
        host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let name = without_port.map_or(host, |(name, _)| name);
    let is_address = |text: &str| text.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback());
    name.eq_ignore_ascii_case("localhost") || is_address(name.trim_start_matches('[').trim_end_matches(']'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";

    fn access(addr: &str, tokens: &[&str]) -> Access {
        let tokens = tokens.iter().map(|token| Secret::new((*token).to_owned())).collect();
        Access::new(&HttpConfig { addr: Some(addr.parse().unwrap()), tokens })
    }

    fn headers(of: &[(&'static str, &str)]) -> HeaderMap {
        of.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn without_a_token_only_this_machine_sees_data() {
        let local = access("127.0.0.1:1", &[]);
        for host in ["127.0.0.1:9090", "localhost", "LOCALHOST:80", "[::1]:9090", "[::1]", "127.8.8.8"] {
            let asked = headers(&[("host", host)]);
            assert_eq!(local.admit(&asked, From::ThisMachine), Ok(Visitor::Local), "{host}");
        }
        assert_eq!(local.admit(&headers(&[]), From::ThisMachine), Ok(Visitor::Local));
        for odd in [
            [("host", "evil.example:9090")],
            [("host", "127.0.0.1.evil.example")],
            [("host", "")],
            [("x-forwarded-for", "203.0.113.9")],
            [("forwarded", "for=203.0.113.9")],
        ] {
            assert_eq!(local.admit(&headers(&odd), From::ThisMachine), Err(Refusal::NotLocal), "{odd:?}");
            assert_eq!(local.admit(&headers(&odd), From::Anywhere), Ok(Visitor::Local), "as it was before");
        }
        let exposed = access("0.0.0.0:1", &[]);
        for from in [From::Anywhere, From::ThisMachine] {
            let shown = headers(&[("host", "127.0.0.1"), ("authorization", "Bearer ")]);
            assert_eq!(exposed.admit(&shown, from), Err(Refusal::Closed));
        }
    }

    #[test]
    fn with_tokens_each_of_them_opens_and_nothing_else() {
        let other = TOKEN.to_uppercase();
        for access in [access("0.0.0.0:1", &[TOKEN, &other]), access("127.0.0.1:1", &[TOKEN, &other])] {
            for shown in [format!("Bearer {TOKEN}"), format!("bearer  {other} ")] {
                let asked = headers(&[("authorization", &shown), ("host", "fanmail.example")]);
                assert_eq!(access.admit(&asked, From::ThisMachine), Ok(Visitor::Program), "{shown}");
            }
            for shown in
                ["", "Bearer", "Bearer ", &format!("Basic {TOKEN}"), TOKEN, &format!("Bearer {TOKEN}0")]
            {
                let asked = headers(&[("authorization", shown)]);
                assert_eq!(access.admit(&asked, From::Anywhere), Err(Refusal::NoToken), "{shown}");
                assert!(!access.may_hear_reasons(&asked));
            }
            assert!(!format!("{access:?}").contains(TOKEN));
        }
    }
}
