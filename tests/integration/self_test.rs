//! The pieces that the scenarios are made of, tried against what is known to work: a server that noted nothing
//! would make every scenario pass.

mod broker;
mod database;
mod relay;
mod slow_relay;
mod tls;
