//! A person who has signed in: a sealed cookie, of which the server keeps nothing. Every worker with the same token knows it. What a session
//! seals of a form is left to `form`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::HeaderMap;
use axum::http::header::{COOKIE, HOST, ORIGIN};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::hmac::{HmacKey, are_equal};

/// How long a person stays signed in.
const LASTS: Duration = Duration::from_secs(12 * 3600);
/// Bytes of a seal: half of an HMAC-SHA256 (RFC 2104 section 5).
const SEAL: usize = 16;
/// The beginning of what is sealed. Each use has its own, so that no seal passes for another one.
const COOKIE_NAME: &[u8] = b"fanmail cookie name";
const SESSION: &[u8] = b"fanmail session ";
const FORM: &[u8] = b"fanmail form ";

/// A session that is not over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The value of the cookie.
    value: String,
}

impl Session {
    /// A new one, sealed with the first of `keys`.
    pub(super) fn begin(keys: &[HmacKey], now: SystemTime) -> Option<Self> {
        let ends = seconds(now + LASTS).to_be_bytes();
        let seal = seal(keys.first()?, SESSION, &ends);
        Some(Self { value: URL_SAFE_NO_PAD.encode([&ends[..], &seal].concat()) })
    }

    /// The one of a request.
    pub(super) fn of(keys: &[HmacKey], headers: &HeaderMap, now: SystemTime) -> Option<Self> {
        let names: Vec<String> = keys.iter().map(cookie_name).collect();
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let known = pairs.filter(|(name, _)| names.iter().any(|known| known == name));
        known
            .map(|(_, value)| value)
            .find(|value| is_valid(keys, value, now))
            .map(|value| Self { value: value.to_owned() })
    }

    /// The header `Set-Cookie`. With TLS in front, the browser must not send it without.
    pub(super) fn set_cookie(&self, keys: &[HmacKey], over_tls: bool) -> String {
        set_cookie(keys, &self.value, LASTS, over_tls)
    }

    /// The seal of a text for this session.
    pub(super) fn seal(&self, keys: &[HmacKey], text: &str) -> Option<String> {
        Some(URL_SAFE_NO_PAD.encode(seal(keys.first()?, FORM, self.with_text(text).as_bytes())))
    }

    /// Whether a text was sealed for this session.
    pub(super) fn has_sealed(&self, keys: &[HmacKey], text: &str, shown: &str) -> bool {
        let shown = URL_SAFE_NO_PAD.decode(shown).unwrap_or_default();
        keys.iter().any(|key| are_equal(&seal(key, FORM, self.with_text(text).as_bytes()), &shown))
    }

    /// The value of a cookie has no blank.
    fn with_text(&self, text: &str) -> String {
        format!("{} {text}", self.value)
    }
}

/// The header `Set-Cookie` that ends a session in the browser.
pub(super) fn end_cookie(keys: &[HmacKey]) -> String {
    set_cookie(keys, "", Duration::ZERO, false)
}

fn set_cookie(keys: &[HmacKey], value: &str, lasts: Duration, over_tls: bool) -> String {
    let name = keys.first().map(cookie_name).unwrap_or_default();
    let secure = if over_tls { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict{secure}", lasts.as_secs())
}

/// Browsers send the cookies of one port to all ports: workers of one machine with different tokens must not end each other's sessions.
fn cookie_name(key: &HmacKey) -> String {
    let mac = key.mac(COOKIE_NAME);
    format!("fanmail_{:08x}", u32::from_be_bytes([mac[0], mac[1], mac[2], mac[3]]))
}

fn is_valid(keys: &[HmacKey], value: &str, now: SystemTime) -> bool {
    let bytes = URL_SAFE_NO_PAD.decode(value).unwrap_or_default();
    let Some((ends, shown)) = bytes.split_first_chunk::<8>() else { return false };
    let is_sealed = keys.iter().any(|key| are_equal(&seal(key, SESSION, ends), shown));
    is_sealed && u64::from_be_bytes(*ends) > seconds(now)
}

fn seal(key: &HmacKey, purpose: &[u8], sealed: &[u8]) -> [u8; SEAL] {
    let mac = key.mac(&[purpose, sealed].concat());
    std::array::from_fn(|at| mac[at])
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Whether a form was posted by a page of this server: browsers say so in `Sec-Fetch-Site`, or, without TLS, only in `Origin`.
pub(super) fn is_of_own_page(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    match (text("sec-fetch-site"), text(ORIGIN.as_str())) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => {
            let host = origin.split_once("://").map(|(_, host)| host);
            host.is_some() && host == text(HOST.as_str())
        }
        (None, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(of: &[&str]) -> Vec<HmacKey> {
        of.iter().map(|key| HmacKey::new(key.as_bytes())).collect()
    }

    fn with_cookie(set_cookie: &str) -> HeaderMap {
        let pair = set_cookie.split(';').next().unwrap();
        HeaderMap::from_iter([(COOKIE, format!("other=1; {pair}; fanmail_00000000=x").parse().unwrap())])
    }

    #[test]
    fn a_cookie_is_a_session_until_it_ends_or_its_token_is_taken_out() {
        let (old, now) = (keys(&["old"]), SystemTime::now());
        let session = Session::begin(&old, now).unwrap();
        let cookie = session.set_cookie(&old, true);
        assert!(cookie.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict; Secure"), "{cookie}");
        let headers = with_cookie(&cookie);
        for (tokens, at, is_valid) in [
            (keys(&["old"]), now + LASTS - Duration::from_secs(2), true),
            (keys(&["new", "old"]), now, true),
            (keys(&["new"]), now, false),
            (keys(&["old"]), now + LASTS, false),
        ] {
            assert_eq!(Session::of(&tokens, &headers, at).is_some(), is_valid);
        }
        let value = &session.value;
        for bad in ["", "AAAA", &format!("{value}A"), &value[1..], &value.replacen(&value[9..10], "_", 1)] {
            let changed = with_cookie(&cookie.replace(value, bad));
            assert_eq!(Session::of(&old, &changed, now), None, "{bad}");
        }
        assert_eq!(Session::begin(&[], now), None);
        assert_eq!(Session::of(&old, &with_cookie(&end_cookie(&old)), now), None);
    }

    #[test]
    fn a_seal_is_of_one_session_and_of_any_token() {
        let (tokens, now) = (keys(&["new", "old"]), SystemTime::now());
        let session = Session::begin(&tokens, now).unwrap();
        let seal = session.seal(&tokens[1..], "/a").unwrap();
        assert!(session.has_sealed(&tokens, "/a", &seal), "that of the old token");
        let other = Session::begin(&tokens, now + Duration::from_secs(1)).unwrap();
        assert!(!other.has_sealed(&tokens, "/a", &seal) && !session.has_sealed(&tokens, "/b", &seal));
        assert!(
            !session.has_sealed(&keys(&["another"]), "/a", &seal) && !session.has_sealed(&tokens, "/a", "")
        );
    }

    #[test]
    fn a_form_comes_from_a_page_of_this_server() {
        let is_own = |headers: &[(&'static str, &str)]| {
            let headers = headers
                .iter()
                .map(|(name, value)| (axum::http::HeaderName::from_static(name), value.parse().unwrap()));
            is_of_own_page(&headers.collect())
        };
        assert!(is_own(&[
            ("sec-fetch-site", "same-origin"),
            ("origin", "https://a.example"),
            ("host", "127.0.0.1")
        ]));
        assert!(is_own(&[("origin", "http://10.0.0.7:9090"), ("host", "10.0.0.7:9090")]));
        for foreign in [
            &[("sec-fetch-site", "cross-site"), ("origin", "http://a"), ("host", "a")][..],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "none")],
            &[("origin", "http://10.0.0.7:8080"), ("host", "10.0.0.7:9090")],
            &[("origin", "null"), ("host", "a")],
            &[("host", "a")],
            &[],
        ] {
            assert!(!is_own(foreign), "{foreign:?}");
        }
    }
}
