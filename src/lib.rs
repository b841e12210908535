//! fanmail: one small message in, every participant of the event mailed once.
//!
//! Start reading at [`worker::fan_out`]: it is the story of one notification from top to bottom. `docs/architecture.md`
//! says what each module owns and which modules it may import. The library exists so that `tests/` and `benches/` can link
//! the modules; it is no public API.

pub mod app;
pub mod bounces;
pub mod broker;
pub mod channels;
pub mod cli;
pub mod commands;
pub mod config;
pub mod content;
pub mod dns;
pub mod domain;
pub mod exit_code;
pub mod hmac;
pub mod http;
pub mod net;
pub mod observe;
pub mod process_id;
pub mod report;
pub mod routes;
pub mod shutdown;
pub mod store;
pub mod supervision;
pub mod sync;
pub mod text;
pub mod tls;
pub mod version;
pub mod worker;
