//! The section of the HTTP server: where it listens, and the token that people and programs show who may see data.

use std::net::SocketAddr;

use crate::config::reader::Reader;
use crate::config::secret::Secret;

/// Shortest token, in bytes.
const TOKEN_MIN: usize = 32;

const SHORT: &str = "has fewer than 32 characters; make one with: openssl rand -hex 32. Several are separated by blanks or line ends, and \
                     each of them is accepted";

/// The HTTP server of a worker.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// Where it listens (`HTTP_ADDR`); `None` starts no HTTP server.
    pub addr: Option<SocketAddr>,
    /// Each of them lets people and programs see data (`HTTP_TOKEN`).
    pub tokens: Vec<Secret>,
}

impl HttpConfig {
    /// `has_public_pages`: whether something is served that everybody may see, so that an address which other machines reach makes sense
    /// without a token.
    pub(super) fn read(reader: &mut Reader<'_>, has_public_pages: bool) -> Self {
        let (address, token) = ("HTTP_ADDR", "HTTP_TOKEN");
        let expected = "an address and a port such as 127.0.0.1:9090 or 0.0.0.0:9090";
        let addr: Option<SocketAddr> = reader.parsed(address, expected, |value| value.parse().ok());
        let is_set = reader.has_secret(token);
        let secret = reader.secret(token);
        let tokens: Vec<Secret> = secret
            .iter()
            .flat_map(|secret| secret.expose().split_whitespace())
            .map(|token| Secret::new(token.to_owned()))
            .collect();
        if secret.is_some()
            && (tokens.is_empty() || tokens.iter().any(|token| token.expose().len() < TOKEN_MIN))
        {
            reader.problem(token, SHORT.to_owned());
        }
        if let Some(addr) = addr.filter(|addr| !is_of_this_machine(*addr) && !is_set && !has_public_pages) {
            reader.problem(
                token,
                format!(
                    "is not set, but other machines reach HTTP_ADDR {addr}, which shows the state of fanmail; make a token with: openssl \
                     rand -hex 32. Without one: HTTP_ADDR=127.0.0.1:{}",
                    addr.port()
                ),
            );
        }
        Self { addr, tokens }
    }

    /// Whether other machines may reach the server.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        self.addr.is_some_and(|addr| !is_of_this_machine(addr))
    }
}

fn is_of_this_machine(addr: SocketAddr) -> bool {
    addr.ip().to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";

    /// The section, or the first problem.
    fn read(set: &[(&str, &str)]) -> Result<HttpConfig, String> {
        let value =
            |wanted: &str| set.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned());
        Config::from_lookup(&value)
            .map(|config| config.http)
            .map_err(|errors| errors.to_string().lines().nth(1).unwrap().trim().to_owned())
    }

    #[test]
    fn an_address_that_other_machines_reach_needs_a_token() {
        for addr in ["127.0.0.1:9090", "[::1]:9090", "[::ffff:127.0.0.1]:9090", "127.9.9.9:9090"] {
            assert!(!read(&[("HTTP_ADDR", addr)]).unwrap().is_exposed(), "{addr}");
        }
        for addr in ["0.0.0.0:9090", "[::]:9090", "192.0.2.1:9090"] {
            let told = read(&[("HTTP_ADDR", addr)]).unwrap_err();
            assert!(
                told.starts_with(&format!(
                    "HTTP_TOKEN is not set, but other machines reach HTTP_ADDR {addr}"
                )) && told.ends_with("Without one: HTTP_ADDR=127.0.0.1:9090"),
                "{told}"
            );
            assert!(read(&[("HTTP_ADDR", addr), ("HTTP_TOKEN", TOKEN)]).unwrap().is_exposed());
        }
    }

    /// Those who serve the page that unsubscribes, or webhooks, go on after an update; what shows data is refused there.
    #[test]
    fn where_everybody_may_come_no_token_is_needed() {
        let page = [
            ("HTTP_ADDR", "0.0.0.0:9090"),
            ("UNSUBSCRIBE_URL", "https://example.org/u"),
            ("UNSUBSCRIBE_SECRET", TOKEN),
        ];
        assert!(read(&page).unwrap().tokens.is_empty());
        let webhooks = [("HTTP_ADDR", "0.0.0.0:9090"), ("WEBHOOK_POSTMARK_SECRET", TOKEN)];
        assert!(read(&webhooks).unwrap().tokens.is_empty());
    }

    #[test]
    fn there_may_be_several_tokens_and_none_is_short_or_shown() {
        let other = TOKEN.to_uppercase();
        let config = read(&[("HTTP_TOKEN", &format!("{TOKEN} {other}\n"))]).unwrap();
        assert_eq!(config.tokens.iter().map(Secret::expose).collect::<Vec<_>>(), [TOKEN, &other]);
        assert!(!format!("{config:?}").contains(TOKEN));
        for value in ["abc", &format!("{TOKEN} abc")] {
            let told = read(&[("HTTP_TOKEN", value)]).unwrap_err();
            assert!(
                told.starts_with("HTTP_TOKEN has fewer than 32 characters") && !told.contains("abc"),
                "{told}"
            );
        }
    }
}
