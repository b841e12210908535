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

/// All routes. Without links that unsubscribe there is no page for them.
pub fn routes(monitor: Monitor, unsubscribing: Option<Unsubscribing>, webhooks: Webhooks) -> Router {
    let routes = probes::routes(monitor).merge(webhooks.routes());
    match unsubscribing {
        Some(unsubscribing) => routes.merge(unsubscribing.routes()),
        None => routes,
    }
}
