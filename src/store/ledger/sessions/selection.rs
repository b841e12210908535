//! Which rows of `broker_sessions` a statement is about.

use diesel::prelude::*;

use crate::store::schema::broker_sessions;

/// The sessions that take messages from `queue`. Those of workers that record no queue may.
#[diesel::dsl::auto_type]
pub(super) fn of_queue(queue: &str) -> _ {
    let queue: String = queue.to_owned();
    broker_sessions::table.filter(broker_sessions::queue.is_null().or(broker_sessions::queue.eq(queue)))
}

/// The session `name`, unless it has ended.
#[diesel::dsl::auto_type]
pub(super) fn unended(name: &str) -> _ {
    let name: String = name.to_owned();
    broker_sessions::table
        .filter(broker_sessions::name.eq(name))
        .filter(broker_sessions::lost_at.is_null())
        .filter(broker_sessions::closed_at.is_null())
}
