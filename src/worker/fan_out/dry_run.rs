//! Where a dry run and a worker that sends meet: a notification that one of them has begun comes to the other one, for example with its
//! message, after a crash. No recipient is to go without a mail because of a dry run.
//!
//! - A dry run leaves a notification alone whose mails a worker sends: it sets it aside, and a worker that sends goes on with it. Nor does
//!   it end older notifications (`superseding`), or begin updates that wait (`set_aside_sweep`).
//! - A worker that sends begins a notification anew that a dry run has left half done: its outcomes are no mails.

use crate::observe::events;
use crate::worker::fan_out::context::{Context, FanOutResult, Halt};
use crate::worker::fan_out::turn::Leased;

impl Leased {
    /// Sorts out which of the outcomes of one that is resumed are those of a dry run. `Some`: this dry run has left it to others.
    ///
    /// # Errors
    /// When a shutdown is requested first, or the lease is lost.
    pub(super) fn check_dry_run(&self, context: &Context) -> Result<Option<FanOutResult>, Halt> {
        if !self.resumed {
            return Ok(None);
        }
        let Context { store, database_retry, dummy, .. } = context;
        let (notification, lease) = (self.notification, self.held.lease);
        if *dummy {
            if !database_retry.until_ok(|| store.has_asked_relay(notification.id))? {
                return Ok(None);
            }
            if !database_retry.until_ok(|| store.leave_to_senders(lease))? {
                return Err(Halt::TakenOver);
            }
            events::notification::left_by_dry_run(&notification);
            return Ok(Some(FanOutResult::SetAside(notification)));
        }
        match database_retry.until_ok(|| store.forget_dry_run(lease))? {
            None => return Err(Halt::TakenOver),
            Some(0) => {}
            Some(forgotten) => events::notification::dry_run_forgotten(&notification, forgotten as u64),
        }
        Ok(None)
    }
}
