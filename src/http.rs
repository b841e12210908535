//! The HTTP server: what operators, probes and scrapers read over the network, and the page on which people unsubscribe. It imports
//! nothing from `worker`. It alone is async: tokio, hyper and axum are named here and nowhere else.

use axum::Router;

use crate::http::unsubscribe::Unsubscribing;
use crate::http::webhooks::Webhooks;
use crate::observe::health::Monitor;

mod client;
pub mod database;
pub mod probes;
mod rate_limit;
pub mod server;
pub mod unsubscribe;
pub mod webhooks;

/// The paths that are served, for people.
#[must_use]
pub fn paths(has_page: bool, has_webhooks: bool) -> &'static str {
    match (has_page, has_webhooks) {
        (false, false) => "/healthz and /metrics",
        (true, false) => "/healthz, /metrics and /unsubscribe/",
        (false, true) => "/healthz, /metrics and /webhooks/",
        (true, true) => "/healthz, /metrics, /unsubscribe/ and /webhooks/",
    }
}

/// All routes, of which another path is told `paths`. Without links that unsubscribe there is no page for them.
pub fn routes(
    monitor: Monitor,
    paths: &'static str,
    unsubscribing: Option<Unsubscribing>,
    webhooks: Webhooks,
) -> Router {
    let routes = probes::routes(monitor, paths).merge(webhooks.routes());
    match unsubscribing {
        Some(unsubscribing) => routes.merge(unsubscribing.routes()),
        None => routes,
    }
}
