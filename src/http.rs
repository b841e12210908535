//! The HTTP server: what operators, probes and scrapers read over the network. It imports nothing from `worker`. It alone is async:
//! tokio, hyper and axum are named here and nowhere else.

pub mod probes;
pub mod server;
