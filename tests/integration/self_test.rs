//! Tests of the testkit itself, with other software where possible: an SMTP server that recorded nothing would make
//! each scenario pass.

mod broker;
mod cleanup;
mod database;
mod database_proxy;
mod mail_counts;
mod network;
mod policy;
mod relay;
mod slow_relay;
mod tls;
