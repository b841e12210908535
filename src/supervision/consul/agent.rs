//! One request to a Consul agent. What is requested is left to `service`.

use std::time::Duration;

use serde_json::Value;
use ureq::Agent as HttpClient;
use url::Url;

use crate::config::consul::ConsulConfig;
use crate::config::secret::Secret;
use crate::text::clean::{cut, one_line};
use crate::tls::direct_agent;

/// Longest time for one request. An agent is on this machine or beside it.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Most bytes of an answer that are read, and most characters that are shown.
const RESPONSE_MAX: u64 = 4096;
const SHOWN_MAX: usize = 200;

/// Why the agent did not do it.
#[derive(Debug, thiserror::Error)]
pub(super) enum AgentError {
    /// It cannot be reached, or does not answer in time.
    #[error("{0}")]
    Away(String),
    /// The token may not do it.
    #[error("it refuses the token: {0}")]
    Denied(String),
    /// Anything else: mostly it does not know the check.
    #[error("it answers {0}")]
    Refused(String),
}

/// The agent.
pub(super) struct Agent {
    http: HttpClient,
    base: Url,
    token: Option<Secret>,
}

impl Agent {
    pub(super) fn new(config: &ConsulConfig) -> Self {
        Self { http: direct_agent(TIMEOUT), base: config.agent.clone(), token: config.token.clone() }
    }

    /// Makes one request; all that fanmail makes are PUTs. `path` is below `/v1/agent/`.
    pub(super) fn put(&self, path: &str, body: Option<&Value>) -> Result<(), AgentError> {
        let away = |error: ureq::Error| AgentError::Away(cut(one_line(&error.to_string()), SHOWN_MAX));
        let mut request = self.http.put(format!("{}v1/agent/{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header("X-Consul-Token", token.expose());
        }
        let sent = match body {
            Some(body) => request.content_type("application/json").send(body.to_string()),
            None => request.send_empty(),
        };
        let mut response = sent.map_err(away)?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let mut text =
            response.body_mut().with_config().limit(RESPONSE_MAX).read_to_string().unwrap_or_default();
        // An agent that repeats the token does not get it into the log.
        if let Some(token) = &self.token {
            text = text.replace(token.expose(), "…");
        }
        let answer = cut(one_line(&format!("{status}: {text}")), SHOWN_MAX);
        Err(if [401, 403].contains(&status.as_u16()) {
            AgentError::Denied(answer)
        } else {
            AgentError::Refused(answer)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// What a request ends with when the agent answers so, for ever if `again` is not empty; and what the agent has received.
    fn put(answer: &'static [u8], again: &'static [u8]) -> (AgentError, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let agent = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let token = Some(Secret::new("MARKER".to_owned()));
        let config = ConsulConfig { agent, token, service: "fanmail".to_owned(), tags: vec![] };
        let served = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).unwrap();
            let mut sent = stream.write_all(answer);
            while sent.is_ok() && !again.is_empty() {
                sent = stream.write_all(again);
            }
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let error = Agent::new(&config).put("service/deregister/x", None).unwrap_err();
        (error, served.join().unwrap())
    }

    #[test]
    fn an_answer_is_shown_on_one_short_line_without_the_token() {
        let (error, request) = put(
            b"HTTP/1.1 403 Forbidden\r\nContent-Length: 35\r\n\r\nMARKER\x1b[2J\nACL not found for MARKER",
            b"",
        );
        assert_eq!(error.to_string(), "it refuses the token: 403 Forbidden: … [2J ACL not found for …");
        assert!(request.to_lowercase().contains("x-consul-token: marker"), "{request}");
        let (error, _) = put(b"HTTP/1.1 500 Wrong\r\nContent-Length: 3\r\n\r\n\xff\xfe\xfd", b"");
        assert_eq!(error.to_string(), "it answers 500 Internal Server Error:");
    }

    #[test]
    fn an_answer_without_end_or_that_leads_elsewhere_ends_the_request() {
        let (error, _) = put(b"HTTP/1.1 500 Wrong\r\n\r\n", b"no end ");
        assert!(matches!(error, AgentError::Refused(_)), "{error}");
        let (error, _) = put(b"HTTP/1.1 200 OK\r\n", b"X-Header: again\r\n");
        assert!(matches!(&error, AgentError::Away(said) if !said.contains("timeout")), "{error}");
        let (error, _) = put(b"SSH-2.0-OpenSSH_9.2\r\n", b"");
        assert!(matches!(error, AgentError::Away(_)), "{error}");
        // That port is closed: it is not followed, so that the token goes nowhere else.
        let (error, _) = put(
            b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n",
            b"",
        );
        assert!(error.to_string().starts_with("it answers 307"), "{error}");
    }
}
