//! A relay that refuses one person after the other.

use super::*;
use crate::worker::delivery::breaker::state::MAX_REFUSED_PEOPLE;

const SECOND: Duration = Duration::from_secs(1);
const WORDS: RelayWords<'static> = RelayWords { detail: "554 5.7.1 Relay access denied", advice: "log in" };

/// Refuses person `number` at `now`. Whether the attempt is charged.
fn refuse(breaker: &Breaker, now: Instant, number: usize, probe: bool) -> bool {
    let person = Person::new(&format!("p{number}@example.com"));
    breaker.refused_at(now, 0.5, &Refusal { person, probe, words: WORDS })
}

fn accept_at(breaker: &Breaker, now: Instant, envelope_at: Instant, probe: bool) {
    let acceptance = Acceptance { address: "zoe@example.com", envelope_at, probe };
    lock(&breaker.state).accepted(now, &acceptance, &breaker.monitor);
}

/// A breaker that has opened at `now`, because the relay refuses everyone.
fn refusing(now: Instant) -> Breaker {
    let breaker = closed();
    for number in 1..=MAX_REFUSED_PEOPLE {
        assert!(breaker.is_closed());
        assert_eq!(refuse(&breaker, now, number, false), number < MAX_REFUSED_PEOPLE, "charged: {number}");
    }
    assert!(!breaker.is_closed());
    breaker
}

/// Takes the probe that is due at `now`; the test reports its result.
fn probe(breaker: &Breaker, now: Instant) {
    assert!(std::mem::take(&mut admit(breaker, now).probe));
}

#[test]
fn twenty_different_people_in_a_row_open_it_with_the_words_of_the_relay_and_what_to_do() {
    let now = Instant::now();
    let breaker = refusing(now);
    assert_eq!(wait_time(&breaker, now), Some(SECOND));
    assert_eq!(breaker.monitor.metrics.breaker_open.get(), 1);
    let problem = breaker.monitor.health.problems();
    assert!(problem.starts_with("relay: refuses everyone since 20"), "{problem}");
    assert!(problem.contains(": 554 5.7.1 Relay access denied; log in"), "{problem}");
    assert_eq!(problem.lines().count(), 1, "{problem}");
}

#[test]
fn one_person_refused_again_and_again_does_not_open_it_however_the_address_is_written() {
    let (breaker, now) = (closed(), Instant::now());
    for _ in 0..100 {
        for address in ["ann@example.com", "Ann@Example.COM"] {
            let refusal = Refusal { person: Person::new(address), probe: false, words: WORDS };
            assert!(breaker.refused_at(now, 0.5, &refusal), "charged");
        }
    }
    assert_eq!(wait_time(&breaker, now), None);
}

#[test]
fn an_acceptance_in_between_keeps_it_closed_and_replies_about_mailboxes_change_nothing() {
    let (breaker, now) = (closed(), Instant::now());
    for round in 0..10 {
        for number in 1..MAX_REFUSED_PEOPLE {
            assert!(refuse(&breaker, now, 100 * round + number, false));
        }
        accept_at(&breaker, now, now, false);
    }
    for number in 1..MAX_REFUSED_PEOPLE {
        assert!(refuse(&breaker, now, number, false));
        (0..9).for_each(|_| works_at(&breaker, now));
    }
    assert_eq!(wait_time(&breaker, now), None);
    assert!(
        !refuse(&breaker, now, MAX_REFUSED_PEOPLE, false),
        "not in a row with these, but nothing was accepted"
    );
    assert!(wait_time(&breaker, now).is_some());
}

#[test]
fn dead_addresses_do_not_slow_it_down() {
    let (breaker, now) = (closed(), Instant::now());
    for number in 0..1000 {
        assert_eq!(wait_time(&breaker, now), None);
        if number % 10 == 0 { accept_at(&breaker, now, now, false) } else { works_at(&breaker, now) }
    }
}

#[test]
fn while_it_refuses_everyone_each_refused_probe_lengthens_the_pause_and_nobody_is_charged() {
    let mut now = Instant::now();
    let breaker = refusing(now);
    for (number, expected) in (100..).zip([1, 2, 4, 8, 16, 32, 54, 54]) {
        assert_eq!(wait_time(&breaker, now), Some(SECOND * expected));
        now += SECOND * expected;
        probe(&breaker, now);
        assert!(!refuse(&breaker, now, 50, false), "a mail that was in flight is not charged either");
        assert_eq!(wait_time(&breaker, now), Some(POLL_INTERVAL), "the probe is still in flight");
        assert!(!refuse(&breaker, now, number, true));
    }
}

#[test]
fn only_an_accepted_mail_closes_it_and_then_everyone_is_forgiven() {
    let earlier = Instant::now();
    let now = earlier + SECOND;
    let breaker = refusing(now);
    works_at(&breaker, now);
    accept_at(&breaker, now + SECOND / 2, now, false);
    assert_eq!(wait_time(&breaker, now), Some(SECOND), "a mail that was in flight proves nothing");

    let later = now + SECOND;
    probe(&breaker, later);
    lock(&breaker.state).works(later, true, &breaker.monitor);
    probe(&breaker, later);
    assert_eq!(breaker.monitor.metrics.breaker_open.get(), 1, "a full mailbox: the next mail probes at once");
    // The probe may have been pipelined before the relay refused everyone.
    accept_at(&breaker, later, earlier, true);
    assert_eq!(wait_time(&breaker, later), None);
    assert_eq!(breaker.monitor.metrics.breaker_open.get(), 0);
    assert_eq!(breaker.monitor.health.problems(), "");

    for number in 1..MAX_REFUSED_PEOPLE {
        assert!(refuse(&breaker, later, number, false), "counted anew");
    }
    assert_eq!(wait_time(&breaker, later), None);
}

#[test]
fn a_mail_in_flight_closes_it_if_its_envelope_went_out_later() {
    let now = Instant::now();
    let breaker = refusing(now);
    accept_at(&breaker, now + SECOND, now + SECOND / 2, false);
    assert_eq!(wait_time(&breaker, now), None);
}

#[test]
fn people_of_a_domain_that_it_refuses_are_passed_over_once_between_two_probes() {
    let start = Instant::now();
    let breaker = closed();
    let refused = |passed_over_at| Candidate { address: "zoe@Example.com", passed_over_at };
    let is_passed_over = |now, passed_over_at| {
        matches!(breaker.try_admit(now, &refused(passed_over_at)), Ok(Entry::PassedOver))
    };
    refuse(&breaker, start, 1, false);
    assert!(!is_passed_over(start, None), "the relay does not refuse everyone");
    for number in 2..=MAX_REFUSED_PEOPLE {
        refuse(&breaker, start, number, false);
    }
    let now = start + SECOND;
    assert!(is_passed_over(now, None) && !is_passed_over(start, Some(now)));

    let waits = |now, candidate: &Candidate<'_>| breaker.try_admit(now, candidate).err();
    assert_eq!(waits(now, &refused(Some(now))), Some(SECOND), "a mail to another domain may probe sooner");
    probe(&breaker, now);
    let eve = Person::new("eve@example.net");
    assert!(!breaker.refused_at(now, 0.5, &Refusal { person: eve, probe: true, words: WORDS }));
    assert!(is_passed_over(now, Some(start)) && !is_passed_over(now, Some(now + SECOND)));
    let net = Candidate { address: "bob@example.net", passed_over_at: None };
    assert!(matches!(breaker.try_admit(now, &net), Ok(Entry::PassedOver)), "the probe was refused as well");

    let later = now + SECOND * 2;
    probe(&breaker, later);
    accept_at(&breaker, later, later, true);
    assert!(!is_passed_over(later, None), "it accepts mails");
}

#[test]
fn people_of_a_domain_that_is_refused_alone_do_not_open_it_and_are_charged() {
    let now = Instant::now();
    let breaker = closed();
    refuse(&breaker, now, 0, false);
    let other = Acceptance { address: MAIL.address, envelope_at: now + SECOND, probe: false };
    lock(&breaker.state).accepted(now + SECOND, &other, &breaker.monitor);
    assert!((1..100).all(|number| refuse(&breaker, now + SECOND, number, false)));
    assert!(breaker.is_closed());

    accept_at(&breaker, now + SECOND * 2, now + SECOND * 2, false);
    assert!((1..MAX_REFUSED_PEOPLE).all(|number| refuse(&breaker, now + SECOND * 3, number, false)));
    refuse(&breaker, now + SECOND * 3, MAX_REFUSED_PEOPLE, false);
    assert!(!breaker.is_closed(), "the relay had accepted somebody of the domain");
}

#[test]
fn a_relay_that_is_down_meanwhile_is_told_and_a_reply_alone_does_not_close_it() {
    let now = Instant::now();
    let breaker = refusing(now);
    let later = now + SECOND;
    probe(&breaker, later);
    fail(&breaker, later, true);
    assert_eq!(wait_time(&breaker, later), Some(SECOND * 2));
    let problem = breaker.monitor.health.problems();
    assert!(problem.starts_with("relay: down since 20") && problem.ends_with("Z: refused\n"), "{problem}");
    works_at(&breaker, later);
    assert_eq!(wait_time(&breaker, later), Some(SECOND * 2));
}

#[test]
fn a_relay_that_was_down_and_refuses_a_person_is_up_and_the_probe_is_not_charged() {
    let now = Instant::now();
    let breaker = opened(now);
    probe(&breaker, now + SECOND);
    assert!(!refuse(&breaker, now + SECOND, 1, true));
    assert_eq!(wait_time(&breaker, now + SECOND), None);
    assert!((2..MAX_REFUSED_PEOPLE).all(|number| refuse(&breaker, now + SECOND, number, false)));
    assert!(!refuse(&breaker, now + SECOND, MAX_REFUSED_PEOPLE, false), "the probe counted");
}

#[test]
fn a_refusal_is_confirmed_by_what_was_accepted_before_this_mail_was_admitted() {
    let now = Instant::now();
    let breaker = closed();
    let refused_at = now;
    let early = admit(&breaker, now);
    accept_at(&breaker, now + SECOND, now, false);
    assert!(!admit(&breaker, now).confirms(refused_at), "it was in flight when the person was refused");
    accept_at(&breaker, now + SECOND, now + SECOND / 2, false);
    assert!(admit(&breaker, now).confirms(refused_at));
    assert!(!early.confirms(refused_at), "the relay may have decided about this mail before");
}

#[test]
fn an_outage_in_between_confirms_nothing() {
    let now = Instant::now();
    for breaker in [refusing(now), opened(now)] {
        let ended_at = now + SECOND;
        probe(&breaker, ended_at);
        accept_at(&breaker, ended_at, ended_at, true);
        accept_at(&breaker, ended_at + SECOND, ended_at + SECOND, false);
        let admission = admit(&breaker, ended_at + SECOND);
        assert!(!admission.confirms(now), "refused before the outage ended");
        assert!(admission.confirms(ended_at), "refused afterwards");
    }
}

#[test]
fn a_refused_probe_confirms_nothing() {
    let start = Instant::now();
    let now = start + SECOND;
    let breaker = refusing(now);
    accept_at(&breaker, now, now, false);
    let probe = admit(&breaker, now + SECOND);
    assert!(probe.probe && !probe.confirms(start));
}
