//! The queue with jobs of several priorities.

use std::sync::atomic::AtomicBool;

use super::*;

/// Sends this number of jobs of a priority, as a fan-out does, unless a shutdown is requested first.
fn run_fan_out<J: Copy>(jobs: &JobSender<J>, priority: Priority, job: J, number: usize, shutdown: &Shutdown) {
    let mut sender = jobs.fair_sender(priority);
    let held = held();
    for _ in 0..number {
        while sender.try_send(job).is_err() {
            sender.wait(shutdown, &held);
            if shutdown.requested() {
                return;
            }
        }
    }
}

#[test]
fn high_is_taken_before_all_that_were_sent_earlier() {
    let (jobs, lanes) = job_queue::<u32>(4);
    assert_eq!(fill(&jobs), 10);
    for (priority, job) in [(Low, 300), (High, 100), (High, 101)] {
        jobs.fair_sender(priority).try_send(job).unwrap();
    }
    let taken: Vec<u32> = std::iter::from_fn(|| lanes.try_recv().ok()).collect();
    assert_eq!(taken, [100, 101, 1, 2, 3, 4, 300, 5, 6, 7, 8, 9, 10]);
    assert!(lanes.is_empty());
}

#[test]
fn each_priority_has_its_share_while_all_three_wait() {
    let (handle, shutdown) = shutdown_pair();
    let (jobs, lanes) = job_queue::<Priority>(2);
    let full = 6;
    thread::scope(|scope| {
        for priority in Priority::ALL {
            let (jobs, shutdown) = (&jobs, &shutdown);
            // Two fan-outs each: what is sent is a matter of the priority, not of how many there are.
            for _ in 0..2 {
                scope.spawn(move || run_fan_out(jobs, priority, priority, usize::MAX, shutdown));
            }
        }
        let mut counts = [0; 3];
        for _ in 0..1_300 {
            let deadline = Instant::now() + TIMEOUT;
            // The fan-outs are quick enough: no part is ever empty.
            while Priority::ALL.iter().any(|one| lanes.queue.state().jobs(*one) < full / 2) {
                assert!(Instant::now() < deadline, "a fan-out that was woken has sent nothing");
                thread::yield_now();
            }
            counts[lanes.try_recv().unwrap().index()] += 1;
        }
        drop(handle);
        assert_eq!(counts, [800, 400, 100]);
    });
}

#[test]
fn a_fan_out_waits_only_for_those_of_its_priority() {
    let (_handle, shutdown) = shutdown_pair();
    let (jobs, lanes) = job_queue::<u32>(1);
    assert_eq!(fill(&jobs), 4);
    thread::scope(|scope| {
        let medium = scope.spawn(|| jobs.fair_sender(Medium).wait(&shutdown, &held()));
        wait_until_waiting(&jobs, Medium, 1);
        let mut high = jobs.fair_sender(High);
        assert!((0..4).all(|_| high.try_send(9).is_ok()) && high.try_send(9).is_err());
        jobs.fair_sender(Low).wait(&shutdown, &held()); // returns at once: its part is empty
        assert_eq!([0; 3].map(|_| lanes.try_recv().unwrap()), [9, 9, 1]);
        assert_eq!(waiting(&jobs, Medium), 1, "three of its priority are left");
        assert_eq!([0; 5].map(|_| lanes.try_recv().unwrap()), [9, 9, 2, 3, 4]);
        medium.join().unwrap();
    });
}

/// No wake-up is lost: in any order of the threads, every job of every fan-out arrives, and the lanes end.
#[test]
fn every_job_arrives_however_fan_outs_and_lanes_come_and_go() {
    for round in 0_u64..60 {
        let (handle, shutdown) = shutdown_pair();
        let (jobs, lanes) = job_queue::<u64>(1 + usize::try_from(round % 3).unwrap());
        let taken = AtomicUsize::new(0);
        let was_late = AtomicBool::new(false);
        let sizes = [1_usize, 1, 2, 7, 90, 1, 300, 3];
        thread::scope(|scope| {
            for _ in 0..=round % 3 {
                scope.spawn(|| {
                    loop {
                        match lanes.recv_timeout(TIMEOUT) {
                            Ok(_) => drop(taken.fetch_add(1, Ordering::Relaxed)),
                            Err(RecvTimeoutError::Disconnected) => return,
                            Err(RecvTimeoutError::Timeout) => was_late.store(true, Ordering::Relaxed),
                        }
                    }
                });
            }
            for (number, size) in sizes.into_iter().enumerate() {
                let (jobs, shutdown) = (jobs.clone(), shutdown.clone());
                let priority = Priority::ALL[number % 3];
                scope.spawn(move || run_fan_out(&jobs, priority, round, size, &shutdown));
            }
            drop(jobs);
        });
        drop(handle);
        assert_eq!(taken.into_inner(), sizes.iter().sum::<usize>(), "round {round}");
        assert!(!was_late.into_inner(), "a lane or a fan-out was not woken");
    }
}

#[test]
fn low_goes_on_beside_a_stream_of_high() {
    let (handle, shutdown) = shutdown_pair();
    let (jobs, lanes) = job_queue::<Priority>(2);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| run_fan_out(&jobs, High, High, usize::MAX, &shutdown));
        }
        let low = scope.spawn(|| run_fan_out(&jobs, Low, Low, 1_000, &shutdown));
        let mut left = 1_000;
        while left > 0 {
            if lanes.recv_timeout(TIMEOUT).unwrap() == Low {
                left -= 1;
            }
        }
        low.join().unwrap();
        drop(handle);
    });
}
