//! One file a verb: its arguments, and a function that reads from top to bottom.

pub mod arguments;
pub mod bounces;
pub mod check;
pub mod completions;
pub mod config;
pub mod dead_letters;
pub mod explain;
pub mod failures;
pub mod import;
pub mod mail_subject;
pub mod man;
pub mod migrate;
pub mod output;
pub mod person;
pub mod preview;
pub mod publish;
pub mod purge;
pub mod retry;
pub mod route_sample;
pub mod seed;
pub mod send_test;
pub mod status;
pub mod stopping;
pub mod suppressions;
pub mod templates;
pub mod worker;
