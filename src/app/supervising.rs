//! Starts what tells systemd and Consul how the worker is. What is told stands in `supervision`.

use std::net::SocketAddr;

use anyhow::Context as _;

use crate::app::Runtime;
use crate::config::Config;
use crate::supervision::consul::{self, Registration};
use crate::supervision::state::Supervised;
use crate::supervision::systemd;

impl Runtime {
    /// What supervisors and probes look at.
    #[must_use]
    pub fn supervised(&self) -> Supervised {
        Supervised::new(self.monitor.clone(), self.shutdown.clone())
    }

    /// Tells systemd of the worker from now on, and Consul if `CONSUL_HTTP_ADDR` is set. `http` is where the worker answers requests.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn supervise(
        &self,
        config: &Config,
        http: Option<SocketAddr>,
        supervised: &Supervised,
    ) -> anyhow::Result<Option<Registration>> {
        systemd::start(supervised).context("cannot start the thread that tells systemd")?;
        let register = |consul| consul::register(consul, http, supervised);
        let registration = config.consul.as_ref().map(register).transpose();
        registration.context("cannot start the thread that tells Consul")
    }
}
