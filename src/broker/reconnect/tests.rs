//! Which losses and failures are news, and what a reminder says. The time is a parameter.

use super::*;
use crate::observe::logging::capture::lines_of;

fn reconnect() -> Reconnect {
    Reconnect::new(Health::default(), FanOuts::default(), "take messages", Liveness::default())
}

fn refused() -> BrokerError {
    BrokerError::Unreachable {
        address: "localhost:5672".to_owned(),
        cause: std::io::ErrorKind::ConnectionRefused.into(),
        variables: "LAVINMQ_HOST".to_owned(),
    }
}

fn lost() -> BrokerError {
    BrokerError::Lost("cable".to_owned())
}

#[test]
fn the_same_cause_is_logged_once_and_again_after_ten_minutes() {
    let mut reconnect = reconnect();
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    assert!(reconnect.count_failure(&refused(), at(0)));
    assert!(!reconnect.count_failure(&refused(), at(1)));
    assert!(reconnect.count_failure(&lost(), at(2)), "another cause is news");
    assert!(!reconnect.count_failure(&lost(), at(601)));
    assert!(reconnect.count_failure(&lost(), at(602)));
    assert_eq!(
        reconnect.end_outage(at(610)),
        Some(Recovery { attempt: 6, lasted: Duration::from_secs(610) })
    );
    assert_eq!(reconnect.end_outage(at(611)), None, "it is reported once");
}

#[test]
fn unstable_connections_back_off_and_stable_ones_start_afresh() {
    let mut reconnect = reconnect();
    let mut now = Instant::now();
    for losses in 1..=5 {
        reconnect.end_outage(now);
        now += Duration::from_secs(2);
        reconnect.count_loss(&lost(), now);
        assert_eq!(reconnect.attempts.failures(), losses);
    }
    reconnect.end_outage(now);
    now += STABLE;
    reconnect.count_loss(&lost(), now);
    assert_eq!(reconnect.attempts.failures(), 1);
}

/// A crashed broker is no message's fault.
#[test]
fn only_frames_that_cannot_be_read_blame_a_message() {
    let mut reconnect = reconnect();
    let mut now = Instant::now();
    let mut unreadable_after = |losses: &[BrokerError]| {
        for loss in losses {
            reconnect.end_outage(now);
            now += Duration::from_secs(2);
            reconnect.count_loss(loss, now);
            reconnect.count_failure(&refused(), now);
        }
        reconnect.unreadable
    };
    let reset = || BrokerError::Reset("Connection reset by peer".to_owned());
    assert_eq!(unreadable_after(&[reset(), lost(), BrokerError::Cancelled, reset()]), 0);
    assert_eq!(unreadable_after(&[BrokerError::Unreadable, BrokerError::Unreadable]), 2);
    assert_eq!(unreadable_after(&[BrokerError::Unreadable]), POISON_SUSPECTED);
    assert_eq!(unreadable_after(&[reset(), BrokerError::Unreadable]), 1, "not in a row");
}

/// A broker that a supervisor starts again at once would not be seen down a second later.
#[test]
fn the_attempt_after_a_reset_is_prompt_unless_connections_are_reset_at_once() {
    let mut reconnect = reconnect();
    let start = Instant::now();
    let reset = BrokerError::Reset("Connection reset by peer".to_owned());
    for (lasted, loss, prompt) in [(1, &reset, true), (0, &reset, false), (1, &lost(), false)] {
        reconnect.end_outage(start);
        reconnect.count_loss(loss, start + Duration::from_secs(lasted));
        assert_eq!(reconnect.attempts.is_prompt(), prompt, "{loss:?} after {lasted} s");
    }
}

#[test]
fn a_reminder_says_since_when_and_when_the_next_attempt_is() {
    let mut reconnect = reconnect();
    let start = Instant::now();
    let mut told = |now| lines_of(|| reconnect.report_failure(&refused(), now)).concat();
    assert!(told(start).starts_with("WARN cannot take messages (attempt 1): "));
    assert_eq!(told(start + events::REMINDER / 2), "");
    let reminder = told(start + events::REMINDER);
    assert!(reminder.starts_with("WARN cannot take messages since 2"), "{reminder}");
    assert!(reminder.contains(" (attempt 3): ") && reminder.ends_with(", next attempt within 30 s"));
}
