//! What the scenarios are made of. Everything a test starts is its own, on loopback, and ends with it.

pub mod amqp_proxy;
pub mod broker;
pub mod certificates;
pub mod database;
pub mod full_disk;
pub mod guardian;
pub mod http;
pub mod ledger;
pub mod metrics;
pub mod ports;
pub mod process;
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub mod proxy;
pub mod queue;
pub mod raw_publisher;
pub mod scenario;
pub mod slow_relay;
pub mod smtp;
pub mod system;
pub mod wait;
