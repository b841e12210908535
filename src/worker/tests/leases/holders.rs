//! Which holders of a lease count as gone, and how a holder finds out that it has lost its lease.

use super::*;
use crate::process_id;
use crate::worker::lease::staleness::StalenessWatch;

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn a_lease_that_has_not_expired_is_free_only_if_its_process_has_exited() {
    let worker = TestWorker::new(1, 1);
    opened_elsewhere(&worker, HOUR);
    let mut seen = entry(&worker);
    let is_free = |seen: &NotificationRecord, stale_for| worker.context.leases.is_free(seen, stale_for);
    assert!(!is_free(&seen, HOUR), "its worker may have a longer LEASE_TIMEOUT than this one");
    seen.holder.as_mut().unwrap().expired = true;
    assert!(!is_free(&seen, Duration::ZERO), "its worker is about to renew it");
    assert!(is_free(&seen, HOUR));
    let mut parts: Vec<String> = process_id::this_process().split(':').map(str::to_owned).collect();
    // The same pid, but started at another time.
    parts[2] = "1".to_owned();
    let holder = seen.holder.as_mut().unwrap();
    (holder.owner, holder.expired) = (parts.join(":"), false);
    assert!(is_free(&seen, Duration::ZERO));
    seen.holder = None;
    assert!(is_free(&seen, Duration::ZERO));
}

#[test]
fn a_lease_of_this_process_is_unknown_if_nobody_here_has_it_and_nobody_is_about_to() {
    let worker = TestWorker::new(1, 1);
    let leases = &worker.context.leases;
    let (_, opened) = open(&worker.store, leases.lease_request(), &named("m1"), REQUEST);
    let Opened::Ours { lease, .. } = opened else { panic!("{opened:?}") };
    let mut seen = entry(&worker);
    assert!(leases.is_unknown(&seen, HOUR));
    assert!(!leases.is_unknown(&seen, Duration::ZERO), "the reply to the commit is on its way");
    let held = leases.track(lease, Instant::now());
    assert!(!leases.is_unknown(&seen, HOUR), "it is known");
    drop(held);
    seen.holder.as_mut().unwrap().owner = "other".to_owned();
    assert!(!leases.is_unknown(&seen, HOUR), "it is of another process");
}

#[test]
fn a_gap_between_two_looks_proves_no_silence() {
    let worker = TestWorker::new(1, 1);
    opened_elsewhere(&worker, HOUR);
    let mut seen = entry(&worker);
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut watch = StalenessWatch::new(start, Duration::from_secs(5));
    let stale_for = [0, 4, 9, 15, 20].map(|seconds| watch.observe(&seen, at(seconds)).as_secs());
    assert_eq!(stale_for, [0, 4, 9, 0, 5], "the look after six seconds begins anew");
    seen.epoch = Epoch(seen.epoch.0 + 1);
    assert_eq!(watch.observe(&seen, at(21)), Duration::ZERO, "another lease");
}

#[test]
fn a_holder_finds_out_by_renewing_that_its_lease_is_lost() {
    let worker = TestWorker::with_term(1, 1, Duration::from_millis(150));
    let leases = &worker.context.leases;
    let (_, opened) = open(&worker.store, leases.lease_request(), &named("m1"), REQUEST);
    let Opened::Ours { lease, .. } = opened else { panic!("{opened:?}") };
    let held = leases.track(lease, Instant::now());
    worker.execute("UPDATE notifications SET epoch = epoch + 1");
    wait_until("the next renewal", || held.is_lost());
}
