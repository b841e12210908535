//! `MariaDB`, which stands for `MySQL`: the conformance suite, and what is its own.

use super::conformance::conformance_tests;
use super::servers::{Database, Server, migrated};
use super::*;

fn mysql() -> ((), Store) {
    ((), migrated(&Database::shared(Server::Mariadb)))
}

conformance_tests!(mysql);
