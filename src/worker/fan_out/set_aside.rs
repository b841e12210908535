//! Sets a notification aside whose data cannot be read: its message is acked, so that it holds no place of `PREFETCH` and meets no
//! timeout of the broker, and the ledger has the rest of the work. When it is tried again is left to `set_aside_sweep`.

use crate::observe::events;
use crate::text::clean::cut;
use crate::text::mask::masked_line;
use crate::worker::database_retry::Stopped;
use crate::worker::fan_out::claim::Scope;
use crate::worker::fan_out::context::{Context, FanOutResult};
use crate::worker::fan_out::turn::Leased;

/// Most characters of a reason.
const REASON_MAX: usize = 500;

impl Leased {
    /// Sets the notification aside because of `what` cannot be read, or leaves it set aside. `None` when the lease is lost.
    ///
    /// # Errors
    /// When a shutdown is requested first. Then the lease is released.
    pub(in crate::worker) fn set_aside(
        &self,
        context: &Context,
        what: &str,
    ) -> Result<Option<FanOutResult>, Stopped> {
        // The words of a database may quote what is in a row.
        let reason = cut(masked_line(what), REASON_MAX);
        let set_aside = || context.store.set_aside(self.held.lease, &reason);
        let next_try = context
            .database_retry
            .until_ok(set_aside)
            .inspect_err(|Stopped| context.leases.release(&self.held))?;
        Ok(next_try.map(|pause| {
            if self.scope == Scope::SetAside {
                events::set_aside::still(&self.notification, &reason);
            } else {
                events::set_aside::begins(&self.notification, &reason, pause);
                // If it is full, the sweep is about to look.
                context.set_aside.0.try_send(()).unwrap_or_default();
            }
            FanOutResult::SetAside(self.notification)
        }))
    }
}
