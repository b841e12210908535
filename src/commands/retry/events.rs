//! The events of a retry: which mails have failed, and that a notification is completed by it, where `EVENTS_EXCHANGE` is set.
//! Publishing them is left to the threads that `app/announcing` starts.

use std::time::Instant;

use crate::app::Runtime;
use crate::app::announcing::Announcing;
use crate::commands::retry::summary::Sent;
use crate::config::Config;
use crate::domain::installation::Installation;
use crate::store::Store;
use crate::store::ledger::row::{NotificationRecord, NotificationState};

/// What publishes the events of one retry.
pub(super) struct RetryEvents {
    announcing: Option<Announcing>,
    begun_at: Instant,
}

impl RetryEvents {
    /// # Errors
    /// When a thread cannot be started.
    pub(super) fn start(
        config: &Config,
        runtime: &Runtime,
        store: &Store,
        installation: &Installation,
    ) -> anyhow::Result<Self> {
        let announcing = match &config.broker.publishing.events_exchange {
            Some(_) => runtime.announce(config, store, installation, &runtime.watch_broker()?)?,
            None => None,
        };
        Ok(Self { announcing, begun_at: Instant::now() })
    }

    /// Publishes what has become of the notification, which was as `before`. A broker that is away is waited for half a minute.
    pub(super) fn publish(self, before: &NotificationRecord, sent: Option<&Sent>) {
        let Some(announcing) = self.announcing else { return };
        let id = before.notification.id;
        let is_completed = sent.is_some_and(|sent| sent.result.is_ok());
        if is_completed && before.state != NotificationState::Completed {
            announcing.announcements.completed(id);
        } else {
            announcing.announcements.failed_since(id, self.begun_at);
        }
        if !announcing.finish() {
            log::error!("a thread that publishes events panicked (a bug in fanmail)");
        }
    }
}
