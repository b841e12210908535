//! Registers the worker as a service with the Consul agent of `CONSUL_HTTP_ADDR`, keeps its check up to date, and takes it out at a stop.
//! An agent that is away or slow disturbs nothing but this thread. The requests are left to `agent`.

use std::io;
use std::net::SocketAddr;
use std::thread::Builder;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};

use crate::config::consul::ConsulConfig;
use crate::observe::events::consul::AgentHealth;
use crate::process_id::{display_name, this_process};
use crate::supervision::consul::agent::{Agent, AgentError};
use crate::supervision::consul::service::Service;
use crate::supervision::state::{Readiness, Supervised};

mod agent;
mod service;

/// How often a change is looked for.
const LOOK: Duration = Duration::from_secs(1);

/// How often the agent is told of a state that stays: a third of [`service::TTL`].
const UPDATE: Duration = Duration::from_secs(5);

/// Longest time that a stop waits for the agent.
const LEAVE: Duration = Duration::from_secs(2);

/// The registration of this worker.
#[derive(Debug)]
pub struct Registration {
    /// Closed when the thread has ended.
    ended: Receiver<()>,
}

impl Registration {
    /// Waits until the worker is taken out, which a shutdown begins; for a bounded time.
    pub fn finish(self) {
        if self.ended.recv_timeout(LEAVE).is_err_and(|error| error.is_timeout()) {
            log::warn!(
                "consul: the agent does not answer; it takes this worker out by itself when its check has been critical for a while"
            );
        }
    }
}

/// Registers from now on. `http` is where the worker answers requests, if it does.
///
/// # Errors
/// When the thread cannot be started.
pub fn register(
    config: &ConsulConfig,
    http: Option<SocketAddr>,
    supervised: &Supervised,
) -> io::Result<Registration> {
    let (sender, ended) = bounded(0);
    let mut registrar = Registrar {
        agent: Agent::new(config),
        service: Service::new(config, http, display_name(&this_process())),
        health: AgentHealth::new(&config.agent, &config.service),
        supervised: supervised.clone(),
        is_registered: false,
        may_know: false,
        told: None,
    };
    Builder::new().name("consul".to_owned()).spawn(move || {
        registrar.run();
        drop(sender);
    })?;
    Ok(Registration { ended })
}

/// What the agent knows of the worker.
struct Registrar {
    agent: Agent,
    service: Service,
    health: AgentHealth,
    supervised: Supervised,
    is_registered: bool,
    /// Whether it may know the worker, also if its last answer was none.
    may_know: bool,
    /// What the agent was told last, successfully or not, and when.
    told: Option<(Readiness, Instant)>,
}

impl Registrar {
    fn run(&mut self) {
        loop {
            let readiness = self.supervised.readiness();
            let is_due = self.told.is_none_or(|(told, at)| told != readiness || at.elapsed() >= UPDATE);
            // Without a word, the check becomes critical by itself.
            if is_due && self.supervised.is_alive(Instant::now()) {
                self.tell(readiness);
            }
            if self.supervised.shutdown().wait(LOOK) {
                break;
            }
        }
        if self.may_know
            && let Err(error) = self.agent.put(&self.service.leave(), None)
        {
            self.health.cannot_leave(&error);
        }
    }

    fn tell(&mut self, readiness: Readiness) {
        let told = self.try_to_tell(readiness);
        self.told = Some((readiness, Instant::now()));
        match told {
            Ok(()) => self.health.works(),
            Err(error) => self.health.failed(&error, matches!(error, AgentError::Denied(_))),
        }
    }

    fn try_to_tell(&mut self, readiness: Readiness) -> Result<(), AgentError> {
        let (path, body) = self.service.update(readiness, &self.supervised.line());
        if self.is_registered {
            match self.agent.put(&path, Some(&body)) {
                // It was restarted without what it knew, or has taken the worker out.
                Err(AgentError::Refused(_)) => self.is_registered = false,
                told => return told,
            }
        }
        let (register, registration) = self.service.registration();
        self.agent.put(&register, Some(&registration))?;
        (self.is_registered, self.may_know) = (true, true);
        self.agent.put(&path, Some(&body))
    }
}
