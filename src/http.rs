//! The HTTP server: what operators, probes and scrapers read over the network. It imports nothing from `worker`.

pub(crate) mod probes;
pub mod server;
