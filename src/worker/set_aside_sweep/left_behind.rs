//! Notifications that no message of the broker carries, and that no worker works on: they have waited for further ones of their event
//! (`COALESCE`) until now, the worker that had them was stopped, killed, or is
//! silent; or this one has leased them, and the reply to the commit was lost. No broker delivers them again, so every worker looks
//! for them. Running them is left to the dispatcher, which keeps them in
//! order with everything else of their events.

use std::collections::HashSet;
use std::time::Instant;

use crate::domain::ids::NotificationId;
use crate::domain::message::identity::Identity;
use crate::observe::events;
use crate::store::ledger::row::NotificationRecord;
use crate::worker::database_retry::Stopped;
use crate::worker::fan_out::claim::OpenedAs;
use crate::worker::fan_out::context::Context;
use crate::worker::intake::{Place, WithoutMessage};
use crate::worker::set_aside_sweep::SetAsideSweep;

/// Notifications that are read at once. Those that other workers work on are among them.
const LIST_LIMIT: u32 = 1_000;

impl SetAsideSweep {
    /// Hands those to the dispatcher that no process works on.
    pub(super) fn resume_left_behind(&mut self) -> Result<(), Stopped> {
        let Context { store, database_retry, leases, metrics, .. } = &*self.context;
        metrics.coalescing.set(database_retry.until_ok(|| store.count_coalescing())?);
        let owner = &leases.lease_request().owner;
        let found = database_retry.until_ok(|| store.list_left_behind(owner, &leases.held(), LIST_LIMIT))?;
        let ids: HashSet<NotificationId> = found.iter().map(|record| record.notification.id).collect();
        self.staleness_left_behind.retain(|id| ids.contains(&id));
        for record in &found {
            let stale_for = self.staleness_left_behind.observe(record, Instant::now());
            let leases = &self.context.leases;
            let place = if record.is_coalescing() && self.context.dummy {
                // A worker that sends has it wait: see `fan_out::dry_run`.
                None
            } else if record.is_coalescing() {
                // As many as there are places: it may begin at any worker, at any time from now on.
                self.context.intake.reserve(1).pop()
            } else if leases.is_free(record, stale_for) || leases.is_unknown(record, stale_for) {
                Some(self.context.intake.reserve_one_more())
            } else {
                None
            };
            if let Some(place) = place {
                self.resume(record, place)?;
            }
        }
        Ok(())
    }

    /// Leases the notification and hands it over, unless another process was quicker.
    fn resume(&self, record: &NotificationRecord, place: Place) -> Result<(), Stopped> {
        let (context, notification) = (&*self.context, record.notification);
        let epoch = record.epoch.of_take_over();
        let take_over = || context.leases.take_over(record, epoch);
        let Some(held) = context.database_retry.until_ok(take_over)? else { return Ok(()) };
        let owner = record.holder.as_ref().map(|holder| holder.owner.as_str());
        let resumed = !record.is_coalescing();
        if resumed {
            events::without_message::resumed(&notification, owner);
        } else {
            events::coalescing::begins(&notification);
        }
        let handed_over = WithoutMessage {
            message: record.message(),
            identity: Identity { message_id: record.message_key.clone(), redelivered: true },
            opened: OpenedAs::Ours { notification, held, resumed, started: false },
            place,
        };
        context.intake.hand_over(vec![handed_over], &context.leases);
        Ok(())
    }
}
