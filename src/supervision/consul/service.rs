//! The worker as a service of Consul: paths and bodies of the agent's HTTP API (Agent, Service and Check). Sending them is left to `agent`.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::config::consul::ConsulConfig;
use crate::supervision::state::Readiness;

/// After so long without a word, the agent takes the worker for dead.
pub(super) const TTL: &str = "15s";

/// After so long, the agent forgets a worker that has died.
const FORGOTTEN_AFTER: &str = "10m";

/// How the worker is registered.
#[derive(Debug)]
pub(super) struct Service {
    id: String,
    registration: Value,
}

impl Service {
    /// `worker` is the name that `fanmail status` shows, such as `web-1:4711`.
    pub(super) fn new(config: &ConsulConfig, http: Option<SocketAddr>, worker: &str) -> Self {
        // It is a part of paths.
        let word = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
        let id = format!("{}-{}", config.service, worker.chars().map(word).collect::<String>());
        let mut registration = json!({
            "ID": id,
            "Name": config.service,
            "Tags": config.tags,
            "Meta": {"version": env!("CARGO_PKG_VERSION"), "worker": worker},
            "Check": {
                "CheckID": format!("{id}-worker"),
                "Name": "worker",
                "Notes": "passing: it takes messages; warning: it does, and another part has a problem; critical: see the output",
                "TTL": TTL,
                "Status": "critical",
                "DeregisterCriticalServiceAfter": FORGOTTEN_AFTER,
            },
        });
        if let Some(http) = http {
            registration["Port"] = json!(http.port());
            if !http.ip().is_unspecified() {
                registration["Address"] = json!(http.ip().to_string());
            }
        }
        Self { id, registration }
    }

    /// Registers it, and takes the place of an earlier registration.
    pub(super) fn registration(&self) -> (String, Value) {
        ("service/register?replace-existing-checks=true".to_owned(), self.registration.clone())
    }

    /// Says how it is; `line` says more for people.
    pub(super) fn update(&self, readiness: Readiness, line: &str) -> (String, Value) {
        let status = match readiness {
            Readiness::Ready => "passing",
            Readiness::Limited => "warning",
            Readiness::NotReady => "critical",
        };
        (format!("check/update/{}-worker", self.id), json!({"Status": status, "Output": line}))
    }

    /// Takes it out.
    pub(super) fn leave(&self) -> String {
        format!("service/deregister/{}", self.id)
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    fn service(http: Option<&str>) -> Service {
        let config = ConsulConfig {
            agent: Url::parse("http://127.0.0.1:8500").unwrap(),
            token: None,
            service: "fanmail".to_owned(),
            tags: vec!["eu".to_owned()],
        };
        Service::new(&config, http.map(|http| http.parse().unwrap()), "web-1.example.org:4711")
    }

    #[test]
    fn a_worker_is_registered_with_the_address_at_which_it_answers() {
        let (path, body) = service(Some("10.0.0.7:9090")).registration();
        assert_eq!(path, "service/register?replace-existing-checks=true");
        assert_eq!(
            (&body["ID"], &body["Name"]),
            (&json!("fanmail-web-1.example.org-4711"), &json!("fanmail"))
        );
        assert_eq!((&body["Address"], &body["Port"]), (&json!("10.0.0.7"), &json!(9090)));
        assert_eq!(body["Check"]["Status"], "critical", "until it takes messages");
        let (_, body) = service(Some("0.0.0.0:9090")).registration();
        assert_eq!((body.get("Address"), &body["Port"]), (None, &json!(9090)), "that of the agent");
        let (_, body) = service(None).registration();
        assert_eq!((body.get("Address"), body.get("Port")), (None, None));
    }

    #[test]
    fn updates_name_the_check_and_a_stop_the_service() {
        let (path, body) = service(None).update(Readiness::Limited, "dead letters: the queue is full");
        assert_eq!(path, "check/update/fanmail-web-1.example.org-4711-worker");
        assert_eq!(body, json!({"Status": "warning", "Output": "dead letters: the queue is full"}));
        assert_eq!(service(None).leave(), "service/deregister/fanmail-web-1.example.org-4711");
    }
}
