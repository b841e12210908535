//! The database: calls fail or hang, and work again.

use crate::observe::health::{Health, Part};

/// A call failed, and no other one did before.
pub fn failing(health: &Health, reason: &str) {
    set_problem(health, reason);
    log::error!(reason = reason; "{reason}; nothing is acked or lost, and the call is repeated until it works");
}

/// A call fails as others did before. `logged`: the log has said so lately.
pub fn still_failing(health: &Health, reason: &str, logged: bool) {
    set_problem(health, reason);
    let level = if logged { log::Level::Debug } else { log::Level::Warn };
    log::log!(level, reason = reason; "still: {reason}; nothing is acked or lost, and the call is repeated until it works");
}

/// Every call that had failed has succeeded.
pub fn restored(health: &Health) {
    health.clear_problem(Part::Database);
    log::info!("the database works again");
}

fn set_problem(health: &Health, reason: &str) {
    health.set_problem(Part::Database, reason.trim_start_matches("database: ").to_owned());
}
