//! Counts the people of fan-outs that take long, so that the log can say how far they are. A thread of its own does that, with a connection of
//! its own: where `participants` is a view, counting may take minutes, and no mail waits for it.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use crate::observe::progress::FanOuts;
use crate::store::Store;
use crate::worker::fan_out::context::Context;

/// How old a fan-out is when its people are counted. Most end before.
const AGE: Duration = Duration::from_secs(1);

/// Starts the thread. It runs for as long as the process does.
///
/// # Errors
/// When the thread cannot be started.
pub fn start(context: &Context) -> io::Result<()> {
    let Context { store, fan_outs, shutdown, .. } = context;
    let (store, fan_outs, shutdown) = (store.clone(), fan_outs.clone(), shutdown.clone());
    thread::Builder::new().name("counting".to_owned()).spawn(move || {
        while !shutdown.wait(AGE) {
            count(&store, &fan_outs, Instant::now());
        }
    })?;
    Ok(())
}

fn count(store: &Store, fan_outs: &FanOuts, now: Instant) {
    let uncounted = fan_outs.uncounted(AGE, now);
    if uncounted.is_empty() {
        return;
    }
    let store = store.with_own_connections(1);
    for notification in uncounted {
        match store.count_audience(&notification) {
            Ok(total) => fan_outs.set_total(notification.id, total),
            // Without a number, the log only says what is done.
            Err(error) => {
                log::debug!(notification = notification.id; "notification {}: {error}", notification.id);
                if !error.is_transient() {
                    fan_outs.set_total(notification.id, None);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::audience::Audience;
    use crate::domain::ids::{NotificationId, ParticipantId};
    use crate::domain::kind::Kind;
    use crate::domain::notification::Notification;
    use crate::domain::priority::Priority;
    use crate::worker::tests::support::{EVENT, TestWorker};

    #[test]
    fn a_fan_out_is_counted_once_it_has_taken_a_second() {
        let worker = TestWorker::new(3, 1);
        let (fan_outs, begun) = (FanOuts::default(), Instant::now());
        let notification = Notification {
            id: NotificationId(7),
            kind: Kind::Updated,
            event_id: Some(EVENT),
            audience: Audience::Event { id: EVENT, up_to: ParticipantId(2) },
            priority: Priority::default(),
        };
        let _running = fan_outs.begin(&notification, 0, begun);
        let total = || fan_outs.running()[0].total;
        count(&worker.store, &fan_outs, begun + AGE / 2);
        assert_eq!(total(), None);
        count(&worker.store, &fan_outs, begun + AGE);
        assert_eq!(total(), Some(2));
    }
}
