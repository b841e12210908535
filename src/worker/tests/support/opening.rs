//! Opens messages in the ledger, as a worker does that has received them, and runs their fan-outs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::domain::message::Message;
use crate::domain::message::identity::Identity;
use crate::domain::session::{AckWriting, BrokerSession, Receipt};
use crate::store::Store;
use crate::store::ledger::leases::LeaseRequest;
use crate::store::ledger::opening::{Arrival, Opened, Watermarks};
use crate::worker::fan_out;
use crate::worker::fan_out::claim::{OpenedAs, OpenedMessage};
use crate::worker::fan_out::context::{Context, FanOutResult};

/// No delivery tag is used twice.
static TAGS: AtomicU64 = AtomicU64::new(1);

/// Opens a message for the worker of `request`, which has received it in its first session.
pub fn open(
    store: &Store,
    request: &LeaseRequest,
    identity: &Identity,
    message: Message,
) -> (Receipt, Opened) {
    let receipt = Receipt { session: 1, tag: TAGS.fetch_add(1, Ordering::Relaxed) };
    let identity = identity.clone();
    let arrival = Arrival {
        receipt,
        message,
        identity,
        starts_at_once: true,
        refusal: None,
        asked_at: None,
        traceparent: None,
    };
    let session = first_session(request);
    let opened = store.open_messages(&session, &[arrival], request, &mut Watermarks::new()).unwrap();
    let [opened] = <[Opened; 1]>::try_from(opened).unwrap();
    (receipt, opened)
}

/// Opens the notification of a message and runs its fan-out. One that vanishes is opened anew.
pub fn open_and_run(context: &Context, identity: &Identity, message: Message) -> FanOutResult {
    let (request, requested_at) = (context.leases.lease_request(), Instant::now());
    let (_, opened) = open(&context.store, request, identity, message.clone());
    let opened = match opened {
        Opened::Ours { notification, lease, resumed, started } => {
            OpenedAs::Ours { notification, held: context.leases.track(lease, requested_at), resumed, started }
        }
        // Two workers of a test are one process.
        Opened::Held { notification, .. } | Opened::Elsewhere(notification) => {
            OpenedAs::Elsewhere(notification)
        }
        Opened::Completed(notification) => return FanOutResult::Completed(notification),
        Opened::LeftToLedger { notification, .. } => return FanOutResult::SetAside(notification),
        Opened::Conflict(first) => return FanOutResult::conflict_with(&first),
        Opened::Refused(_) | Opened::Undetermined { .. } => panic!("{opened:?}"),
    };
    run(context, identity, message, opened)
}

/// Runs the fan-out of a message whose notification is open. One that vanishes is opened anew.
pub fn run(context: &Context, identity: &Identity, message: Message, opened: OpenedAs) -> FanOutResult {
    let opened =
        OpenedMessage { message: message.clone(), identity: identity.clone(), published_at: None, opened };
    match fan_out::run(context, &opened) {
        FanOutResult::Vanished(_) => open_and_run(context, identity, message),
        result => result,
    }
}

fn first_session(request: &LeaseRequest) -> BrokerSession {
    BrokerSession {
        worker: request.owner.clone(),
        number: 1,
        queue: "events".to_owned(),
        follows_restart: false,
        ack_writing: AckWriting::Soon,
    }
}
