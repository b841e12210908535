//! Moves the next attempt of deferred mails that cannot be made now, because their participant or event cannot be read. The relay
//! was not asked, so that nothing else changes: tries and reply code stay, and so do the steps of `DEFER_SCHEDULE`.

use std::collections::BTreeMap;
use std::time::Duration;

use diesel::prelude::*;

use crate::domain::ids::ParticipantId;
use crate::domain::lease::Lease;
use crate::store::Store;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::ledger::deferrals::row::next_try_at;
use crate::store::schema::{INSERT_ROWS, deferrals};

impl Store {
    /// Moves the next attempt of these participants to the end of `pause`, each for the reason under which they are named. `false`
    /// when the lease is not valid any more; then nothing has changed. May be repeated.
    ///
    /// # Errors
    /// When the database does not answer; then nothing has changed.
    pub fn postpone_deferrals(
        &self,
        lease: Lease,
        pause: Duration,
        reasons: &BTreeMap<String, Vec<ParticipantId>>,
    ) -> Result<bool, StoreError> {
        self.write("postpone deferred mails", |connection| {
            if dispatch::lock_notifications(connection, &[lease.notification_id])? != [lease] {
                return Ok(false);
            }
            let next_try_at = next_try_at(dispatch::clock(connection)?, pause);
            for (reason, ids) in reasons {
                for ids in ids.chunks(INSERT_ROWS) {
                    let of_reason = deferrals::table
                        .filter(deferrals::notification_id.eq(lease.notification_id))
                        .filter(deferrals::participant_id.eq_any(ids));
                    diesel::update(of_reason)
                        .set((deferrals::next_try_at.eq(next_try_at), deferrals::detail.eq(reason)))
                        .execute(connection)?;
                }
            }
            Ok(true)
        })
    }
}
