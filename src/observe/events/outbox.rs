//! Messages of the outbox.

use log::Level;

use crate::domain::notification::Notification;
use crate::observe::events::fields::log_about;
use crate::observe::metrics::Metrics;

/// The worker takes messages from the outbox.
pub fn begins(only: bool) {
    let what = if only { "only from the outbox; there is no broker" } else { "from the outbox, too" };
    log::info!("messages are taken {what}");
}

/// A row has a problem, which is in the row as well. It stays there, and no mail is sent for it.
pub fn not_sent(metrics: &Metrics, id: i64, problem: &str) {
    metrics.outbox_problems.inc();
    log::warn!(
        outbox_row = id, reason = problem;
        "row {id} of the outbox is not sent: {problem}. Correct the application. To have the row taken again, correct it, and set \
         its taken_at and its problem to NULL"
    );
}

/// The ledger has its notification already.
pub fn known(notification: &Notification) {
    log_about!(
        Level::Info, notification;
        "notification {} ({notification}) is in the database already; its row of the outbox is taken, and nothing is sent again",
        notification.id
    );
}
