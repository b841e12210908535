//! A notification is completed when the tables say that everyone is decided.

use crossbeam_channel::{Receiver, Sender, bounded};

use super::*;

/// A worker with one lane whose relay says that a mail to `address` has come, and holds it until it is told to go on.
fn worker_that_stops_at(people: u32, address: &'static str) -> (TestWorker, Receiver<()>, Sender<()>) {
    let (reached, seen) = bounded(1);
    let (go_on, told) = bounded::<()>(1);
    let worker = TestWorker::with_relay(people, 1, move |to, tried, _| {
        if to == address && tried == 0 {
            reached.send(()).unwrap();
            told.recv().unwrap();
        }
        Ok(())
    });
    (worker, seen, go_on)
}

/// Runs a fan-out over tables that are changed before it begins, and while the mail to `address` is in flight. Returns who was
/// mailed.
fn run_with_changes(
    people: u32,
    before: &str,
    address: &'static str,
    meanwhile: &str,
) -> (TestWorker, Vec<String>) {
    let (worker, seen, go_on) = worker_that_stops_at(people, address);
    worker.execute(before);
    thread::scope(|scope| {
        let running = scope.spawn(|| run(&worker));
        seen.recv_timeout(Duration::from_secs(20)).unwrap();
        worker.execute(meanwhile);
        go_on.send(()).unwrap();
        assert!(completed(&running.join().unwrap()));
    });
    let accepted = worker.relay.accepted();
    (worker, accepted)
}

fn count(accepted: &[String], address: &str) -> usize {
    accepted.iter().filter(|to| *to == address).count()
}

#[test]
fn a_participant_who_is_committed_late_with_a_lower_key_is_mailed_before_the_notification_is_completed() {
    // Its page is read when the mail to number 40 is in flight. The check of the long list needs several looks.
    let insert =
        "INSERT INTO participants (id, event_id, email, name) VALUES (5, 123, 'late@example.com', 'Late')";
    for people in [50, 250, 2_500] {
        let (before, at) = ("DELETE FROM participants WHERE id = 5", "p40@example.com");
        let (worker, accepted) = run_with_changes(people, before, at, insert);
        assert_eq!(accepted.last().map(String::as_str), Some("late@example.com"), "of {people}");
        assert_eq!(accepted.iter().collect::<HashSet<_>>().len(), people as usize);
        assert_eq!(accepted.len(), people as usize, "and all others once");
        let everyone = u64::from(people);
        assert_eq!(worker.tally(1), Tally { participants: everyone, sent: everyone, ..Tally::default() });
    }
}

#[test]
fn outcomes_that_are_gone_from_the_tables_are_sent_again() {
    let delete = "DELETE FROM deliveries WHERE participant_id IN (3, 77)";
    let (worker, accepted) = run_with_changes(250, "", "p150@example.com", delete);
    assert_eq!(accepted.len(), 252);
    assert_eq!((count(&accepted, "p3@example.com"), count(&accepted, "p77@example.com")), (2, 2));
    assert_eq!(worker.tally(1), Tally { participants: 250, sent: 250, ..Tally::default() });
}
