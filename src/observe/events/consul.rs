//! The registration with Consul: it works, or not. Mails are sent all the same.

use std::fmt::Display;

use url::Url;

/// Whether the agent can be told.
#[derive(Debug)]
pub struct AgentHealth {
    agent: String,
    service: String,
    /// Whether it works; `None` before the first answer.
    works: Option<bool>,
}

impl AgentHealth {
    /// Nothing is known of the agent.
    #[must_use]
    pub fn new(agent: &Url, service: &str) -> Self {
        Self { agent: agent.to_string(), service: service.to_owned(), works: None }
    }

    /// It was told. Logged the first time, and after a failure.
    pub fn works(&mut self) {
        if self.works.replace(true) != Some(true) {
            log::info!("consul: registered as {} with the agent {}", self.service, self.agent);
        }
    }

    /// It was not told. Logged once. `is_denied`: the token is the cause.
    pub fn failed(&mut self, cause: &impl Display, is_denied: bool) {
        if self.works.replace(false) == Some(false) {
            log::debug!("consul: {cause}");
            return;
        }
        let cure = if is_denied {
            format!("set CONSUL_HTTP_TOKEN to a token with service:write for {:?}.", self.service)
        } else {
            "is CONSUL_HTTP_ADDR right, and does the agent run?".to_owned()
        };
        log::warn!(
            "consul: the agent {} cannot be told of this worker: {cause}; {cure} The worker goes on, and fanmail tries again every few seconds",
            self.agent
        );
    }

    /// The worker stops and cannot be taken out.
    pub fn cannot_leave(&self, cause: &impl Display) {
        log::warn!(
            "consul: the agent {} cannot be told that this worker stops: {cause}; it takes it out by itself when its check has been critical for a while",
            self.agent
        );
    }
}
