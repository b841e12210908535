//! Makes what the HTTP server answers, and starts it. What it answers is left to `http`.

use std::sync::Arc;
use std::time::Instant;

use crate::app::Runtime;
use crate::config::Config;
use crate::config::email::Route;
use crate::content::renderer::Templates;
use crate::http;
use crate::http::access::Access;
use crate::http::broker::RequestBroker;
use crate::http::database::RequestDatabase;
use crate::http::probes::{Liveness, Probes};
use crate::http::readiness::Readiness;
use crate::http::server::{self, HttpServer};
use crate::http::status_page::{StatusPage, StatusSources};
use crate::http::unsubscribe::Unsubscribing;
use crate::http::webhooks::Webhooks;
use crate::observe::events;
use crate::routes::Routes;
use crate::supervision::state::Supervised;

impl Runtime {
    /// Serves probes, metrics and the page behind the links of mails, if `HTTP_ADDR` is set. `has_broker`: messages come from a broker.
    ///
    /// # Errors
    /// When the address is taken or is not this machine's, or the page does not render.
    pub fn serve_http(
        &self,
        config: &Config,
        templates: &Templates,
        database: &RequestDatabase,
        has_broker: bool,
        routes: Option<Arc<Routes>>,
        supervised: &Supervised,
    ) -> anyhow::Result<Option<HttpServer>> {
        let Some(addr) = config.http.addr else {
            if config.email.unsubscribe.is_some() {
                log::info!("HTTP_ADDR is not set: another program has to answer at UNSUBSCRIBE_URL");
            }
            if !config.email.webhooks.providers().is_empty() {
                log::warn!("HTTP_ADDR is not set: this worker does not answer at /webhooks/");
            }
            return Ok(None);
        };
        let metrics = || Arc::clone(&self.monitor.metrics);
        let unsubscribing = config.email.unsubscribe.as_ref();
        let unsubscribing = unsubscribing
            .map(|links| Unsubscribing::new(links, templates, database.clone(), metrics()))
            .transpose()?;
        let has_webhooks = !config.email.webhooks.providers().is_empty();
        let webhooks =
            has_webhooks.then(|| Webhooks::new(&config.email.webhooks, database.clone(), metrics()));
        let has_relay = !matches!(config.email.route, Route::Dummy { .. });
        let readiness = Readiness::new(self.monitor.health.clone(), database.clone(), has_broker, has_relay);
        let (monitor, access) = (self.monitor.clone(), Access::new(&config.http));
        if config.http.is_exposed() && config.http.tokens.is_empty() {
            events::http::closed(addr);
        }
        let status_page = StatusPage::new(StatusSources {
            monitor: monitor.clone(),
            access: access.clone(),
            database: database.clone(),
            broker: RequestBroker::new(has_broker.then(|| config.broker.clone())),
            routes,
            shutdown: self.shutdown.clone(),
            report_timeout: config.worker.silence_limit(),
            sends: has_relay,
        })?;
        let supervised = supervised.clone();
        let liveness = Liveness::new(move || supervised.is_alive(Instant::now()));
        let probes = Probes { monitor, readiness, access, liveness };
        let routes = http::routes(probes, status_page, unsubscribing, webhooks);
        Ok(Some(server::serve(addr, &routes.paths, routes.router)?))
    }
}
