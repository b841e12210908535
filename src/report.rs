//! What the ledger and the workers report, as text and as JSON: the same for `fanmail status`, a web page and an API. It
//! knows no terminal and prints nothing.

pub mod advice;
pub mod bounces;
pub mod dead_letters;
pub mod explain;
pub mod failures;
pub mod live;
pub(crate) mod naming;
pub mod notifications;
pub mod outbox;
pub mod overview;
pub mod progress;
pub mod queues;
pub mod table;
pub mod tallies;
pub mod verdict;
pub mod workers;

/// Most things that are named one by one: a long list would hide the rest.
pub(crate) const MAX_NAMED: usize = 10;
