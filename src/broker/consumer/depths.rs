//! What waits in the queue, and in that of its dead letters: asked every few seconds, for the metrics. Each queue is asked for on a channel
//! of its own, because the broker closes the channel of a call that fails, such as one for a queue that was deleted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use amiquip::Channel;
use crossbeam_channel::{Receiver, tick};
use log::debug;
use mio::net::TcpStream;

use crate::broker::connection::BrokerConnection;
use crate::broker::topology::{QueueDepth, dead_letter_queue};
use crate::broker::watchdog::CallWatchdog;
use crate::observe::metrics::queues::QueueGauges;

/// How often the queues are asked for. Each takes a round trip.
const INTERVAL: Duration = Duration::from_secs(3);

/// The two queues of a session.
pub(super) struct QueueDepths {
    queue: AskedQueue,
    dead_letters: AskedQueue,
    gauges: QueueGauges,
    due: Receiver<Instant>,
    watchdog: CallWatchdog,
    socket: Arc<TcpStream>,
}

/// A queue, and the channel on which it is asked for, as long as that is open.
struct AskedQueue {
    name: String,
    channel: Option<Channel>,
}

impl QueueDepths {
    /// For a session over this connection, which consumes `queue`. Without channels for it, the session
    /// works as well, and what waits is not known.
    pub(super) fn begin(
        connection: &mut BrokerConnection,
        queue: &str,
        gauges: QueueGauges,
        watchdog: &CallWatchdog,
    ) -> Self {
        let socket = Arc::clone(&connection.socket);
        let [queue, dead_letters] = [queue.to_owned(), dead_letter_queue(queue)].map(|name| {
            let opened = watchdog.guard("opening a channel", &socket, || connection.open_channel());
            let channel = opened.inspect_err(|error| debug!("cannot ask what waits in {name}: {error}")).ok();
            AskedQueue { name, channel }
        });
        Self { queue, dead_letters, gauges, due: tick(INTERVAL), watchdog: watchdog.clone(), socket }
    }

    /// Has something when it is time to ask again.
    pub(super) fn due(&self) -> &Receiver<Instant> {
        &self.due
    }

    /// Asks for both queues. What cannot be asked for is not known from then on.
    pub(super) fn ask(&mut self) {
        let Self { queue, dead_letters, gauges, watchdog, socket, .. } = self;
        watchdog.guard("asking what waits in the queue", socket, || {
            let depth = queue.ask();
            gauges.waiting.set(depth.map_or(f64::NAN, |depth| depth.messages.into()));
            gauges.consumers.set(depth.map_or(f64::NAN, |depth| depth.consumers.into()));
            let depth = dead_letters.ask();
            gauges.dead_letters.set(depth.map_or(f64::NAN, |depth| depth.messages.into()));
        });
    }

    /// Ends with the session: nothing is known until the next one.
    pub(super) fn end(self) {
        let Self { queue, dead_letters, gauges, watchdog, socket, .. } = self;
        gauges.forget();
        watchdog.guard("closing channels", &socket, || drop((queue, dead_letters)));
    }
}

impl AskedQueue {
    fn ask(&mut self) -> Option<QueueDepth> {
        match self.channel.as_ref()?.queue_declare_passive(&self.name).map(QueueDepth::from) {
            Ok(depth) => Some(depth),
            Err(error) => {
                debug!("it is not known any more what waits in {}: {error}", self.name);
                self.channel = None;
                None
            }
        }
    }
}
