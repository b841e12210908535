//! The registration with Consul: it works, or not. Mails are sent all the same.

use std::fmt::Display;

use url::Url;

/// Whether the agent can be told.
#[derive(Debug)]
pub struct AgentHealth {
    agent: String,
    service: String,
    /// `None` before the first answer.
    state: Option<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Works,
    Fails,
    /// It refuses the token.
    Denies,
}

impl AgentHealth {
    /// Nothing is known of the agent.
    #[must_use]
    pub fn new(agent: &Url, service: &str) -> Self {
        Self { agent: agent.to_string(), service: service.to_owned(), state: None }
    }

    /// It was told. Logged the first time, and after a failure.
    pub fn works(&mut self) {
        if self.is_new(State::Works) {
            log::info!("consul: registered as {} with the agent {}", self.service, self.agent);
        }
    }

    /// It was not told. Logged once for each sort of cause. `is_denied`: the token is the cause.
    pub fn failed(&mut self, cause: &impl Display, is_denied: bool) {
        if !self.is_new(if is_denied { State::Denies } else { State::Fails }) {
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

    fn is_new(&mut self, state: State) -> bool {
        self.state.replace(state) != Some(state)
    }

    /// The worker stops and cannot be taken out.
    pub fn cannot_leave(&self, cause: &impl Display) {
        log::warn!(
            "consul: the agent {} cannot be told that this worker stops: {cause}; it takes it out by itself when its check has been critical for a while",
            self.agent
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An agent that was away and then refuses the token needs another cure.
    #[test]
    fn another_cause_is_news() {
        let mut health = AgentHealth::new(&Url::parse("http://127.0.0.1:8500").unwrap(), "fanmail");
        let told = [State::Fails, State::Fails, State::Denies, State::Denies, State::Works, State::Works];
        assert_eq!(told.map(|state| health.is_new(state)), [true, false, true, false, true, false]);
    }
}
