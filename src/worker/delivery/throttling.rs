//! What a mail that was not accepted says about the pace and the number of connections that the relay wants. The job is
//! left to the lane.

use crate::channels::{Class, SendError, Throttle};
use crate::worker::delivery::connection_limit::{ConnectionLimit, ConnectionPermit};
use crate::worker::delivery::pace::{Throttling, Turn};
use crate::worker::recipient::Recipient;

/// Throttles of one mail that slow down the others. If the relay throttles it again while it accepts others, it means
/// its recipient.
const MAX_SLOWDOWNS: u32 = 5;

/// Throttles of one mail that are not charged as attempts. Without a limit, a recipient for whom the relay accepts few
/// mails would be asked for again and again.
pub const MAX_UNCHARGED: u32 = 20;

/// Tells the pace, or the connection limit if the relay wants fewer connections. Says whether the lane has lost its
/// permit.
pub fn not_accepted(
    connection_limit: &ConnectionLimit,
    turn: Turn<'_>,
    permit: &mut ConnectionPermit,
    recipient: &mut Recipient,
    error: &SendError,
) -> bool {
    let named_pause = match error.class {
        Class::Throttled(Throttle::Rate { pause }) => pause,
        Class::Throttled(Throttle::Connections) if connection_limit.throttled(permit, &error.detail) => {
            recipient.throttle(connection_limit.replies());
            turn.unused();
            return true;
        }
        Class::Throttled(Throttle::Connections) => None,
        _ if error.proves_relay_works() => {
            connection_limit.replied(permit);
            turn.refused_otherwise(connection_limit.replies());
            return false;
        }
        _ => {
            turn.unused();
            return false;
        }
    };
    recipient.throttle(connection_limit.replies());
    let repeated = recipient.throttled > MAX_SLOWDOWNS;
    let throttling = Throttling { named_pause, repeated, detail: &error.detail };
    turn.throttled(&throttling, connection_limit.replies());
    false
}
