//! The HTTP server: what operators, probes and scrapers read over the network, and the page on which people unsubscribe. It imports
//! nothing from `worker`. It alone is async: tokio, hyper and axum are named here and nowhere else.

use axum::Router;
use axum::http::StatusCode;

use crate::http::probes::Probes;
use crate::http::respond::text;
use crate::http::status_page::StatusPage;
use crate::http::unsubscribe::Unsubscribing;
use crate::http::webhooks::Webhooks;

pub mod access;
pub mod broker;
mod client;
pub mod database;
pub mod probes;
mod rate_limit;
pub mod readiness;
mod respond;
pub mod server;
pub mod status_page;
pub mod unsubscribe;
pub mod webhooks;

/// All that a server answers.
pub struct Routes {
    /// The routes themselves.
    pub router: Router,
    /// Their paths, for people.
    pub paths: String,
}

/// All routes. Without links that unsubscribe there is no page for them, and without a provider there are no webhooks.
#[must_use]
pub fn routes(
    probes: Probes,
    status_page: StatusPage,
    unsubscribing: Option<Unsubscribing>,
    webhooks: Option<Webhooks>,
) -> Routes {
    let mut paths = vec!["/", "/api/", "/livez", "/readyz", "/healthz", "/metrics"];
    let mut router = probes::routes(probes).merge(status_page.routes());
    if let Some(unsubscribing) = unsubscribing {
        paths.push("/unsubscribe/");
        router = router.merge(unsubscribing.routes());
    }
    if let Some(webhooks) = webhooks {
        paths.push("/webhooks/");
        router = router.merge(webhooks.routes());
    }
    let paths = listed(&paths);
    let told = format!("not found; available: {paths}\n");
    let not_found = move || async move { text(StatusCode::NOT_FOUND, told) };
    Routes { router: router.fallback(not_found), paths }
}

/// With commas, and `and` before the last one.
fn listed(paths: &[&str]) -> String {
    match paths.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        _ => paths.concat(),
    }
}
