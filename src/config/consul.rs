//! The section of Consul: the agent that the worker registers with, in the names of Consul's own tools. Registering is left to
//! `supervision/consul`.

use url::Url;

use crate::config::reader::{Reader, is_loopback};
use crate::config::secret::Secret;

const ADDRESS: &str = "the address of a Consul agent, such as 127.0.0.1:8500 or https://consul.example.org:8501, without a path";
const LABEL: &str = "up to 63 letters, digits and hyphens, as in names of the DNS";

/// Where the worker registers, and as what.
#[derive(Debug, Clone)]
pub struct ConsulConfig {
    /// The agent (`CONSUL_HTTP_ADDR`).
    pub agent: Url,
    /// What shows that the worker may register (`CONSUL_HTTP_TOKEN`).
    pub token: Option<Secret>,
    /// The name of the service (`CONSUL_SERVICE_NAME`).
    pub service: String,
    /// Its tags (`CONSUL_SERVICE_TAGS`).
    pub tags: Vec<String>,
}

impl ConsulConfig {
    /// `None` without `CONSUL_HTTP_ADDR`: the other variables may be there for other programs.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let agent = reader.checked("CONSUL_HTTP_ADDR", parse_agent);
        let token = reader.secret("CONSUL_HTTP_TOKEN");
        let service = reader.parsed("CONSUL_SERVICE_NAME", LABEL, parse_label);
        let tags = reader.parsed("CONSUL_SERVICE_TAGS", "words separated by commas", parse_tags);
        Some(Self {
            agent: agent?,
            token,
            service: service.unwrap_or_else(|| "fanmail".to_owned()),
            tags: tags.unwrap_or_default(),
        })
    }
}

/// Consul's tools take an address without a scheme for plain text. Off this machine, fanmail wants it written.
fn parse_agent(text: &str) -> Result<Url, String> {
    // A user name and a password must not be shown.
    let expected = || {
        if text.contains('@') {
            format!("is not {ADDRESS}")
        } else {
            format!("is {text:?}; expected {ADDRESS}")
        }
    };
    if text.starts_with("unix:") {
        return Err("is a socket of Unix; fanmail talks to Consul over HTTP or HTTPS only".to_owned());
    }
    let url = if text.contains("://") { Url::parse(text) } else { Url::parse(&format!("http://{text}")) };
    let url = url.map_err(|_| expected())?;
    let is_plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    let Some(host) = url.host_str().filter(|_| is_plain && url.path() == "/" && url.fragment().is_none())
    else {
        return Err(expected());
    };
    if !["http", "https"].contains(&url.scheme()) {
        return Err(expected());
    }
    if !text.contains("://") && !is_loopback(host.trim_matches(['[', ']'])) {
        return Err(format!(
            "is {text:?}, which is on another machine; write https://{text}, or http://{text} to send the token unencrypted"
        ));
    }
    Ok(url)
}

fn parse_label(text: &str) -> Option<String> {
    let is_label = text.len() <= 63 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_label.then(|| text.to_owned())
}

fn parse_tags(text: &str) -> Option<Vec<String>> {
    let tags: Vec<_> =
        text.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned).collect();
    let are_tags = tags.iter().all(|tag| !tag.chars().any(|c| c.is_whitespace() || c.is_control()));
    are_tags.then_some(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_on_this_machine_needs_no_scheme() {
        let parsed = |text: &str| parse_agent(text).map(|url| url.to_string());
        for (text, url) in [
            ("127.0.0.1:8500", "http://127.0.0.1:8500/"),
            ("[::1]:8500", "http://[::1]:8500/"),
            ("localhost:8500", "http://localhost:8500/"),
            ("https://consul.example.org:8501", "https://consul.example.org:8501/"),
            ("http://10.0.0.7:8500/", "http://10.0.0.7:8500/"),
        ] {
            assert_eq!(parsed(text), Ok(url.to_owned()));
        }
    }

    #[test]
    fn what_is_no_agent_is_refused_with_what_would_be_right() {
        for (text, told) in [
            ("consul.example.org:8500", "write https://consul.example.org:8500, or http://"),
            ("unix:///run/consul.sock", "over HTTP or HTTPS only"),
            ("ftp://127.0.0.1", "expected the address of a Consul agent"),
            ("http://127.0.0.1:8500/v1", "without a path"),
            ("http://", "expected the address"),
        ] {
            let error = parse_agent(text).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
        let error = parse_agent("http://me:MARKER@127.0.0.1:8500").unwrap_err();
        assert!(!error.contains("MARKER"), "{error}");
    }

    #[test]
    fn names_and_tags_are_words() {
        assert_eq!(parse_label("fanmail-eu"), Some("fanmail-eu".to_owned()));
        assert_eq!(parse_label("fan mail"), None);
        assert_eq!(parse_tags("eu, blue,"), Some(vec!["eu".to_owned(), "blue".to_owned()]));
        assert_eq!(parse_tags("eu west"), None);
    }
}
