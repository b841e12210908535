//! `UNSUBSCRIBE_URL` and `UNSUBSCRIBE_SECRET`: where the links lead that unsubscribe people, and what seals them.

use url::Url;

use crate::config::reader::{Reader, is_loopback};
use crate::config::secret::Secret;

/// What stands for the token.
const TOKEN: &str = "{token}";

/// Longest address, in bytes. A link is in one line of a header, which may have 998 (RFC 5322 section 2.1.1).
const URL_MAX: usize = 400;

/// Shortest secret, in bytes.
const SECRET_MIN: usize = 32;

const EXPECTED: &str = "an address that begins with https://, such as https://events.example.org/unsubscribe, behind which \
                        the token follows; or one with {token} behind its host";

const SHORT: &str = "has fewer than 32 characters; make one with: openssl rand -hex 32. Several are separated by blanks or \
                     line ends, and the first one is used for new links";

/// The links of mails that unsubscribe people.
#[derive(Debug, Clone)]
pub struct UnsubscribeConfig {
    /// Where they lead (`UNSUBSCRIBE_URL`).
    pub url: UnsubscribeUrl,
    /// What their tokens are sealed with (`UNSUBSCRIBE_SECRET`). The first one seals, all of them open. There is at least one.
    pub secrets: Vec<Secret>,
}

/// The address of a page that unsubscribes people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsubscribeUrl {
    /// What stands before the token, and what behind it.
    around: (String, String),
}

impl UnsubscribeUrl {
    /// Reads an https address, with `{token}` behind its host or with a path that the token follows. On this machine it may be an http
    /// one, for tests.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = if text.contains(TOKEN) {
            text.to_owned()
        } else if text.contains(['?', '#']) {
            return None;
        } else {
            format!("{}/{TOKEN}", text.trim_end_matches('/'))
        };
        let (before, after) = text.split_once(TOKEN)?;
        // The host is complete before the token begins.
        let behind_host = before.splitn(4, '/').count() == 4;
        let url = Url::parse(&format!("{before}x{after}")).ok()?;
        let is_encrypted =
            url.scheme() == "https" || url.scheme() == "http" && url.host_str().is_some_and(is_loopback);
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"'\\,".contains(&byte));
        let has_login = !url.username().is_empty() || url.password().is_some();
        let is_valid = behind_host && is_encrypted && is_plain && !has_login && text.len() <= URL_MAX;
        (is_valid && !after.contains(TOKEN)).then(|| Self { around: (before.to_owned(), after.to_owned()) })
    }

    /// The link with this token.
    #[must_use]
    pub fn with(&self, token: &str) -> String {
        let (before, after) = &self.around;
        [before, token, after].concat()
    }

    /// The host that it leads to.
    #[must_use]
    pub fn host(&self) -> Option<String> {
        Url::parse(&self.with("x")).ok()?.host_str().map(|host| host.trim_matches(['[', ']']).to_owned())
    }
}

impl UnsubscribeConfig {
    /// Both variables are set, or none.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let (url, secret) = ("UNSUBSCRIBE_URL", "UNSUBSCRIBE_SECRET");
        let is_set = reader.text(url).is_some();
        let has_secret = reader.has_secret(secret);
        let parsed = reader.parsed(url, EXPECTED, UnsubscribeUrl::parse);
        let secrets = reader.secret(secret);
        if is_set && !has_secret {
            reader.problem(secret, format!("is not set, but {url} is; make one with: openssl rand -hex 32"));
        } else if has_secret && !is_set {
            reader.problem(url, format!("is not set, but {secret} is; expected {EXPECTED}"));
        }
        let secrets: Vec<Secret> =
            secrets?.expose().split_whitespace().map(|secret| Secret::new(secret.to_owned())).collect();
        if secrets.is_empty() || secrets.iter().any(|secret| secret.expose().len() < SECRET_MIN) {
            reader.problem(secret, SHORT.to_owned());
            return None;
        }
        Some(Self { url: parsed?, secrets })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const URL: (&str, &str) = ("UNSUBSCRIBE_URL", "https://events.example.org/unsubscribe");
    const SECRET: (&str, &str) = ("UNSUBSCRIBE_SECRET", "0123456789abcdef0123456789abcdef");

    /// The section, or the first problem.
    fn read(set: &[(&str, &str)]) -> Result<Option<UnsubscribeConfig>, String> {
        let value =
            |wanted: &str| set.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned());
        Config::from_lookup(&value)
            .map(|config| config.email.unsubscribe)
            .map_err(|errors| errors.to_string().lines().nth(1).unwrap().trim().to_owned())
    }

    #[test]
    fn the_token_stands_behind_the_address_or_in_it() {
        for (url, link) in [
            ("https://example.org/unsubscribe", "https://example.org/unsubscribe/T"),
            ("https://example.org", "https://example.org/T"),
            ("https://example.org/a//", "https://example.org/a/T"),
            ("https://example.org/a?t={token}&x=1", "https://example.org/a?t=T&x=1"),
            ("https://example.org/{token}/leave", "https://example.org/T/leave"),
            ("http://127.0.0.1:8080/u", "http://127.0.0.1:8080/u/T"),
            ("http://localhost/u", "http://localhost/u/T"),
        ] {
            assert_eq!(UnsubscribeUrl::parse(url).map(|url| url.with("T")).as_deref(), Some(link), "{url}");
        }
        for (url, host) in [
            ("https://Events.example.org:8443/u", "events.example.org"),
            ("https://example.org/{token}/leave", "example.org"),
            ("https://[2001:db8::1]/u", "2001:db8::1"),
        ] {
            assert_eq!(UnsubscribeUrl::parse(url).unwrap().host().as_deref(), Some(host), "{url}");
        }
        let long = format!("https://example.org/{}", "x".repeat(URL_MAX));
        for url in [
            "",
            "example.org",
            "http://example.org/u",
            "mailto:a@example.org",
            "https://{token}",
            "https://{token}.example.org/",
            "https://example.org?t={token}",
            "https://example.org/u?t=",
            "https://example.org/u#t",
            "https://example.org/{token}/{token}",
            "https://example.org/a b",
            "https://example.org/<a>",
            "https://example.org/a,b",
            "https://büro.example/u",
            "https://ada:secret@example.org/u",
            &long,
        ] {
            assert_eq!(UnsubscribeUrl::parse(url), None, "{url}");
        }
    }

    #[test]
    fn both_are_set_or_none() {
        assert!(read(&[]).unwrap().is_none());
        let both = read(&[URL, SECRET]).unwrap().unwrap();
        assert_eq!(both.secrets.len(), 1);
        assert_eq!(
            read(&[URL]).unwrap_err(),
            "UNSUBSCRIBE_SECRET is not set, but UNSUBSCRIBE_URL is; make one with: openssl rand -hex 32"
        );
        let told = read(&[SECRET]).unwrap_err();
        assert!(
            told.starts_with("UNSUBSCRIBE_URL is not set, but UNSUBSCRIBE_SECRET is; expected an address"),
            "{told}"
        );
        let told = read(&[("UNSUBSCRIBE_URL", "http://example.org/u"), SECRET]).unwrap_err();
        assert!(
            told.starts_with("UNSUBSCRIBE_URL is \"http://example.org/u\"; expected an address"),
            "{told}"
        );
    }

    #[test]
    fn there_may_be_several_secrets_and_none_is_short_or_shown() {
        let (name, secret) = SECRET;
        let old = secret.to_uppercase();
        let several = read(&[URL, (name, &format!("{secret}\n {old}\n"))]).unwrap().unwrap();
        let exposed: Vec<&str> = several.secrets.iter().map(Secret::expose).collect();
        assert_eq!(exposed, [secret, &old]);
        assert!(!format!("{several:?}").contains(secret));
        for value in ["abc", &format!("{secret} abc")] {
            let told = read(&[URL, (name, value)]).unwrap_err();
            assert!(told.starts_with("UNSUBSCRIBE_SECRET has fewer than 32 characters"), "{told}");
            assert!(!told.contains("abc"), "{told}");
        }
    }
}
