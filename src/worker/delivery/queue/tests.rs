//! The queue: how little it holds, which fan-out is woken when, and in which order.

use std::thread;

use super::*;
use crate::domain::ids::{Epoch, NotificationId};
use crate::domain::lease::Lease;
use crate::shutdown::shutdown_pair;
use Priority::{High, Low, Medium};

mod priorities;

const TIMEOUT: Duration = Duration::from_secs(20);

fn held() -> Arc<HeldLease> {
    HeldLease::new(Lease { notification_id: NotificationId(1), epoch: Epoch(1) }, Instant::now(), TIMEOUT)
}

fn fill(jobs: &JobSender<u32>) -> usize {
    let mut sender = jobs.fair_sender(Medium);
    (1..=100).take_while(|job| sender.try_send(*job).is_ok()).count()
}

/// How many fan-outs wait for a slot.
fn waiting<J>(jobs: &JobSender<J>, priority: Priority) -> usize {
    jobs.queue.state().part(priority).waiting.len()
}

fn wait_until_waiting<J>(jobs: &JobSender<J>, priority: Priority, fan_outs: usize) {
    let deadline = Instant::now() + TIMEOUT;
    while waiting(jobs, priority) != fan_outs {
        assert!(Instant::now() < deadline, "{fan_outs} fan-outs wait: not in time");
        thread::yield_now();
    }
}

#[test]
fn the_queue_is_short_and_refilled_only_when_one_job_a_lane_is_left() {
    let (_handle, shutdown) = shutdown_pair();
    let (jobs, lanes) = job_queue::<u32>(4);
    assert_eq!(fill(&jobs), 10);
    thread::scope(|scope| {
        let fan_out = scope.spawn(|| {
            jobs.fair_sender(Medium).wait(&shutdown, &held());
            fill(&jobs)
        });
        wait_until_waiting(&jobs, Medium, 1);
        for job in 1..=5 {
            assert_eq!(lanes.try_recv(), Ok(job));
            assert_eq!(waiting(&jobs, Medium), 1, "the fan-out is not woken yet");
        }
        assert_eq!(lanes.recv_timeout(TIMEOUT), Ok(6));
        assert_eq!(fan_out.join().unwrap(), 6);
    });
    assert!((0..6).all(|_| lanes.try_recv().is_ok()));
    jobs.fair_sender(Medium).wait(&shutdown, &held()); // returns at once: the queue is nearly empty
    drop(jobs);
    assert_eq!(std::iter::from_fn(|| lanes.try_recv().ok()).count(), 4, "the jobs in the queue are not lost");
    assert_eq!(lanes.recv_timeout(TIMEOUT), Err(RecvTimeoutError::Disconnected));
}

#[test]
fn while_others_wait_a_fan_out_sends_one_job_for_each_slot() {
    let (_handle, shutdown) = shutdown_pair();
    let (jobs, lanes) = job_queue::<u32>(2);
    assert_eq!(fill(&jobs), 6);
    thread::scope(|scope| {
        for (number, (name, size)) in [(10, 100), (20, 100), (30, 1)].into_iter().enumerate() {
            let (jobs, shutdown) = (&jobs, &shutdown);
            scope.spawn(move || {
                let mut sender = jobs.fair_sender(Medium);
                sender.has_slot = false;
                for _ in 0..size {
                    while sender.try_send(name).is_err() {
                        sender.wait(shutdown, &held());
                    }
                }
            });
            wait_until_waiting(jobs, Medium, number + 1);
        }
        let mut taken: Vec<u32> = (0..4).map(|_| lanes.try_recv().unwrap()).collect();
        for still_waiting in [3, 3, 2] {
            let deadline = Instant::now() + TIMEOUT;
            while lanes.queue.state().jobs(Medium) != 3 {
                assert!(Instant::now() < deadline, "the fan-out that was woken has sent nothing");
                thread::yield_now();
            }
            wait_until_waiting(&jobs, Medium, still_waiting);
            taken.push(lanes.try_recv().unwrap());
        }
        taken.extend((7..6 + 201).map(|_| lanes.recv_timeout(TIMEOUT).unwrap()));
        assert_eq!(taken[..9], [1, 2, 3, 4, 5, 6, 10, 20, 30]);
    });
}

#[test]
fn a_large_fan_out_is_woken_however_many_small_ones_come() {
    let (_handle, shutdown) = shutdown_pair();
    let (jobs, lanes) = job_queue::<u32>(1);
    assert_eq!(fill(&jobs), 4);
    thread::scope(|scope| {
        let large = scope.spawn(|| jobs.fair_sender(Medium).wait(&shutdown, &held()));
        wait_until_waiting(&jobs, Medium, 1);
        for _ in 0..2 {
            assert!(lanes.try_recv().is_ok());
            assert!(jobs.fair_sender(Medium).try_send(9).is_err(), "the large one waits");
        }
        assert!(lanes.try_recv().is_ok());
        large.join().unwrap();
    });
}

#[test]
fn a_fan_out_that_ends_leaves_its_slot_to_the_next() {
    let (handle, shutdown) = shutdown_pair();
    let (jobs, lanes) = job_queue::<u32>(1);
    assert_eq!(fill(&jobs), 4);
    let lost = held();
    let wait = |held: &HeldLease| {
        let mut sender = jobs.fair_sender(Medium);
        sender.wait(&shutdown, held);
        sender.has_slot
    };
    thread::scope(|scope| {
        let first = scope.spawn(|| wait(&lost));
        wait_until_waiting(&jobs, Medium, 1);
        let second = scope.spawn(|| wait(&held()));
        wait_until_waiting(&jobs, Medium, 2);
        let third = scope.spawn(|| wait(&held()));
        wait_until_waiting(&jobs, Medium, 3);
        lost.mark_lost();
        assert!(!first.join().unwrap());
        wait_until_waiting(&jobs, Medium, 2);
        (1..=3).for_each(|job| assert_eq!(lanes.try_recv(), Ok(job)));
        assert!(second.join().unwrap() && third.join().unwrap());
        let fourth = scope.spawn(|| {
            let mut sender = jobs.fair_sender(Medium);
            while sender.try_send(9).is_ok() {}
            wait(&held())
        });
        wait_until_waiting(&jobs, Medium, 1);
        drop(handle);
        assert!(!fourth.join().unwrap());
    });
}

#[test]
fn a_fan_out_that_has_nothing_to_send_leaves_its_slot_to_the_next() {
    let (handle, shutdown) = shutdown_pair();
    let (jobs, lanes) = job_queue::<u32>(1);
    assert_eq!(fill(&jobs), 4);
    let (woken, is_woken) = bounded(1);
    thread::scope(|scope| {
        let first = scope.spawn(|| {
            let mut sender = jobs.fair_sender(Medium);
            sender.wait(&shutdown, &held());
            sender
        });
        wait_until_waiting(&jobs, Medium, 1);
        scope.spawn(|| {
            jobs.fair_sender(Medium).wait(&shutdown, &held());
            woken.send(()).unwrap();
        });
        wait_until_waiting(&jobs, Medium, 2);
        (1..=3).for_each(|job| assert_eq!(lanes.try_recv(), Ok(job)));
        let mut first = first.join().unwrap();
        assert_eq!(waiting(&jobs, Medium), 1, "one slot, one fan-out");
        first.release_slot();
        let in_time = is_woken.recv_timeout(TIMEOUT);
        drop(handle);
        assert_eq!(in_time, Ok(()), "no lane takes a job meanwhile");
        assert!(!first.has_slot);
    });
}
