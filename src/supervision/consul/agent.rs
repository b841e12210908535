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
        let text = response.body_mut().with_config().limit(RESPONSE_MAX).read_to_string().unwrap_or_default();
        let answer = cut(one_line(format!("{status}: {text}").trim()), SHOWN_MAX);
        Err(if [401, 403].contains(&status.as_u16()) {
            AgentError::Denied(answer)
        } else {
            AgentError::Refused(answer)
        })
    }
}
