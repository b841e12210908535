//! What a mail that was not accepted says about the pace and the number of connections that the relay wants. The job is
//! left to the lane, counting to `throttles`.

use crate::channels::{Class, SendError, Throttle};
use crate::worker::delivery::connection_limit::{ConnectionLimit, ConnectionPermit};
use crate::worker::delivery::pace::{Throttling, Turn};
use crate::worker::recipient::Recipient;

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
            count(recipient, connection_limit.replies(), error);
            turn.unused();
            return true;
        }
        // A new connection did not help either.
        Class::Throttled(Throttle::Connections | Throttle::MailsPerConnection) => None,
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
    count(recipient, connection_limit.replies(), error);
    let repeated = !recipient.throttles.slow_down_others();
    let throttling = Throttling { named_pause, repeated, detail: &error.detail };
    turn.throttled(&throttling, connection_limit.replies());
    false
}

fn count(recipient: &mut Recipient, replies: u64, error: &SendError) {
    recipient.throttles.count(replies, error.code.is_some_and(|code| code >= 500));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::content::sample;
    use crate::observe::health::Monitor;
    use crate::shutdown::shutdown_pair;
    use crate::worker::delivery::connection_limit::PROBE_BACKOFF;
    use crate::worker::delivery::pace::Pace;

    const LONG: Duration = Duration::from_secs(600);

    fn throttled(pause: Duration) -> SendError {
        let class = Class::Throttled(Throttle::Rate { pause: Some(pause) });
        SendError {
            class,
            code: Some(450),
            detail: "450 4.2.1 too many mails".to_owned(),
            refuses_address: false,
        }
    }

    /// Throttles one mail `times` times while others pass, and then once more with a long pause. Says whether all
    /// others wait for that.
    fn last_throttle_slows_down_others(times: u32) -> bool {
        let (_trigger, shutdown) = shutdown_pair();
        let (monitor, mut permit) = (Monitor::default(), ConnectionPermit::default());
        let connection_limit = ConnectionLimit::new(1, PROBE_BACKOFF, Arc::clone(&monitor.metrics));
        let pace = Pace::new(None, monitor.clone());
        let mut recipient = Recipient::new(sample::ada());
        // Many: they show that the relay is fast.
        (0..1000).for_each(|_| connection_limit.replied(&mut permit));
        let mut throttle = |pause: Duration| {
            connection_limit.replied(&mut permit);
            let accepted = pace.acquire(Instant::now(), &shutdown, || false).unwrap();
            accepted.accepted(connection_limit.replies());
            let turn = pace.acquire(Instant::now(), &shutdown, || false).unwrap();
            not_accepted(&connection_limit, turn, &mut permit, &mut recipient, &throttled(pause))
        };
        assert!((0..times).all(|_| !throttle(Duration::from_millis(1))));
        let before = monitor.health.notes();
        assert!(!before.contains("the next mail is tried at"), "{before}");
        assert!(!throttle(LONG), "the permit is not concerned");
        monitor.health.notes().contains("the next mail is tried at")
    }

    /// How many attempts are not charged if the relay throttles the only mail with `code` each time, of at most `most`.
    fn uncharged_without_others(code: u16, most: usize) -> usize {
        let (_trigger, shutdown) = shutdown_pair();
        let (monitor, mut permit) = (Monitor::default(), ConnectionPermit::default());
        let connection_limit = ConnectionLimit::new(1, PROBE_BACKOFF, Arc::clone(&monitor.metrics));
        let pace = Pace::new(None, monitor);
        let mut recipient = Recipient::new(sample::ada());
        let error = SendError { code: Some(code), ..throttled(Duration::ZERO) };
        let throttles = (0..most).take_while(|_| {
            let turn = pace.acquire(Instant::now(), &shutdown, || false).unwrap();
            assert!(!not_accepted(&connection_limit, turn, &mut permit, &mut recipient, &error));
            !recipient.throttles.are_charged()
        });
        throttles.count()
    }

    #[test]
    fn the_only_mail_is_charged_at_last_if_it_is_throttled_with_5yz() {
        assert_eq!(uncharged_without_others(550, 100), 20);
        assert_eq!(uncharged_without_others(450, 100), 100, "a slow relay may accept it yet");
    }

    #[test]
    fn a_mail_that_is_throttled_again_and_again_while_others_pass_slows_down_nobody_else() {
        assert!(last_throttle_slows_down_others(4), "the fifth time");
        assert!(!last_throttle_slows_down_others(5), "the sixth time");
    }
}
