//! The database: calls fail or hang, and work again.

use std::time::Duration;

use chrono::Utc;

use crate::observe::health::{Health, Part};
use crate::observe::progress::FanOuts;
use crate::text::count::count;
use crate::text::timestamp::to_the_second;

/// A database that has not worked for some time.
#[derive(Debug, Clone, Copy)]
pub struct DatabaseOutage<'a> {
    /// What failed last.
    pub reason: &'a str,
    /// For how long.
    pub lasted: Duration,
    /// Calls that are repeated until they work.
    pub calls: u64,
    /// The longest pause before the next attempt.
    pub next_within: Duration,
}

/// A call failed, and no other one did before.
pub fn failing(health: &Health, reason: &str) {
    set_problem(health, reason);
    log::error!(reason = reason; "{reason}; nothing is acked or lost, and the call is repeated until it works");
}

/// A call fails as others did before, and the log has said so lately.
pub fn still_failing(health: &Health, reason: &str) {
    set_problem(health, reason);
    log::debug!(reason = reason; "still: {reason}; the call is repeated until it works");
}

/// Calls fail, and the log has not said so for some time.
pub fn still_away(health: &Health, fan_outs: &FanOuts, outage: &DatabaseOutage<'_>) {
    let DatabaseOutage { reason, lasted, calls, next_within } = *outage;
    set_problem(health, reason);
    let mails = fan_outs.describe_waiting().map_or(String::new(), |mails| format!(" and {mails}"));
    log::warn!(
        reason = reason,
        seconds = lasted.as_secs(),
        waiting = calls,
        waiting_mails = fan_outs.waiting_mails();
        "{reason}; the database has not worked since {}: {}{mails} {}, next attempt within {} s; nothing is acked or lost",
        to_the_second(Utc::now() - lasted),
        count(calls, "call"),
        if calls == 1 && mails.is_empty() { "waits" } else { "wait" },
        next_within.as_secs()
    );
}

/// Every call that had failed has succeeded, after so long.
pub fn restored(health: &Health, lasted: Duration) {
    health.clear_problem(Part::Database);
    log::info!(seconds = lasted.as_secs(); "the database works again, after {} s", lasted.as_secs());
}

fn set_problem(health: &Health, reason: &str) {
    health.set_problem(Part::Database, reason.trim_start_matches("database: ").to_owned());
}
