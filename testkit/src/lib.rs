//! What the tests, the benches and the fuzz targets of fanmail share: the servers that a test starts (RabbitMQ,
//! databases, SMTP), the fanmail program started beside them, and the checks of their results. Everything that a test
//! starts is its own, on loopback, and ends with the test.
//!
//! This crate does not depend on `fanmail`. If it did, the unit tests of `fanmail` would be linked with two copies of
//! `fanmail`, whose types do not match. So what needs its types stays where it is used: `benches/parts`, and the
//! functions that the callers of [`properties`] pass in. The tests find the program by its path ([`program`]).
//!
//! The tests of this crate itself are in `tests/integration/self_test`, because `cargo test` runs them there.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a helper of a test fails like the test itself")]
#![expect(clippy::missing_panics_doc, reason = "so every function here may panic")]
#![expect(clippy::must_use_candidate, clippy::return_self_not_must_use, reason = "tests use what they call")]
#![expect(clippy::new_without_default, reason = "a test names what it makes")]

pub mod amqp_proxy;
pub mod bench;
pub mod bounce;
pub mod broker;
pub mod calendar;
pub mod certificates;
pub mod cleanup;
pub mod clients;
pub mod closing;
pub mod consul;
pub mod database;
pub mod database_proxy;
pub mod dkim;
pub mod dns;
pub mod exchange;
pub mod folder;
pub mod full_disk;
pub mod half_open_proxy;
pub mod http;
pub mod installed;
pub mod ledger;
pub mod metrics;
pub mod network;
pub mod niceness;
pub mod notify_socket;
pub mod ports;
pub mod postfix;
pub mod process;
pub mod program;
pub mod prometheus;
pub mod properties;
pub mod published;
pub mod queue;
pub mod raw_publisher;
pub mod scenario;
pub mod slow_relay;
pub mod smtp;
pub mod subscriber;
pub mod sync;
pub mod system;
pub mod wait;
