//! `PostgreSQL`: the conformance suite, and what is its own.

use super::conformance::conformance_tests;
use super::servers::{Database, Server, migrated};
use super::*;

fn postgres() -> ((), Store) {
    ((), migrated(&Database::shared(Server::Postgresql)))
}

conformance_tests!(postgres);
