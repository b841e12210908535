//! One lane's decision about refusals, with a real breaker.

use std::time::Duration;

use super::*;
use crate::domain::backoff::Backoff;
use crate::domain::ids::ParticipantId;
use crate::domain::participant::Participant;
use crate::observe::health::Monitor;
use crate::shutdown::{Shutdown, ShutdownTrigger, shutdown_pair};
use crate::worker::delivery::breaker::state::{Candidate, MAX_REFUSED_PEOPLE};
use crate::worker::delivery::breaker::{Breaker, Entry, PROBES};

const WORDS: RelayWords<'static> = RelayWords { detail: "554 5.7.1 no", advice: "" };

/// The lanes of one relay.
struct Lanes {
    breaker: Breaker,
    shutdown: Shutdown,
    _trigger: ShutdownTrigger,
}

fn lanes() -> Lanes {
    let (trigger, shutdown) = shutdown_pair();
    Lanes { breaker: Breaker::new(PROBES, Monitor::default()), shutdown, _trigger: trigger }
}

fn recipient(id: i64) -> Recipient {
    let email = Some(format!("p{id}@example.com"));
    Recipient::new(Participant {
        id: ParticipantId(id),
        key: None,
        email,
        name: String::new(),
        locale: None,
        timezone: None,
        details: None,
    })
}

impl Lanes {
    /// The admission of a mail to a domain that the relay has refused nobody of.
    fn admit(&self) -> Admission<'_> {
        let mail = Candidate { address: "ann@example.org", passed_over_at: None };
        match self.breaker.admit(&mail, &self.shutdown) {
            Entry::Admitted(admission) => admission,
            other => panic!("{other:?}"),
        }
    }

    fn accepts(&self, check: &mut RefusalCheck) {
        let admission = self.admit();
        let envelope_at = admission.admitted_at;
        admission.accepted("zoe@example.com", envelope_at);
        check.accepted(envelope_at);
    }

    fn refuses(&self, check: &mut RefusalCheck, recipient: &mut Recipient) -> Decision {
        self.refuses_with(check, recipient, Permanence::Permanent)
    }

    fn refuses_with(
        &self,
        check: &mut RefusalCheck,
        recipient: &mut Recipient,
        permanence: Permanence,
    ) -> Decision {
        decide(check, self.admit(), recipient, permanence)
    }
}

fn decide(
    check: &mut RefusalCheck,
    admission: Admission<'_>,
    recipient: &mut Recipient,
    permanence: Permanence,
) -> Decision {
    let envelope_at = admission.admitted_at;
    check.decide(admission, envelope_at, recipient, permanence, WORDS)
}

#[test]
fn a_person_fails_only_when_refused_again_after_another_mail_was_accepted() {
    let (lanes, mut check, mut person) = (lanes(), RefusalCheck::default(), recipient(1));
    lanes.accepts(&mut check);
    for _ in 0..3 {
        assert_eq!(lanes.refuses(&mut check, &mut person), Decision::Retry);
    }
    lanes.accepts(&mut check);
    assert_eq!(lanes.refuses(&mut check, &mut recipient(2)), Decision::Retry, "another person");
    assert_eq!(lanes.refuses(&mut check, &mut person), Decision::Fail);
}

#[test]
fn a_temporary_refusal_never_fails_a_person() {
    let (lanes, mut check, mut person) = (lanes(), RefusalCheck::default(), recipient(1));
    for _ in 0..5 {
        let decision = lanes.refuses_with(&mut check, &mut person, Permanence::Transient);
        assert_eq!((decision, person.refused_at), (Decision::Retry, None));
        lanes.accepts(&mut check);
    }
}

#[test]
fn a_mail_that_was_in_flight_confirms_nothing() {
    let (lanes, mut check, mut person) = (lanes(), RefusalCheck::default(), recipient(1));
    let (mut slow, in_flight) = (RefusalCheck::default(), lanes.admit());
    let envelope_at = in_flight.admitted_at;
    assert_eq!(lanes.refuses(&mut check, &mut person), Decision::Retry);
    in_flight.accepted("zoe@example.com", envelope_at);
    slow.accepted(envelope_at);
    assert_eq!(lanes.refuses(&mut slow, &mut person), Decision::Retry);
}

#[test]
fn a_mail_in_flight_when_the_relay_begins_to_refuse_everyone_fails_nobody() {
    let (lanes, mut check, mut person) = (lanes(), RefusalCheck::default(), recipient(1));
    assert_eq!(lanes.refuses(&mut check, &mut person), Decision::Retry);
    lanes.accepts(&mut check);
    let in_flight = lanes.admit();
    let mut other = RefusalCheck::default();
    let people = (2..).map(recipient).take(MAX_REFUSED_PEOPLE);
    let decision = people.map(|mut person| lanes.refuses(&mut other, &mut person)).last();
    assert_eq!(decision, Some(Decision::RetryUncharged), "the breaker is open");
    assert_eq!(decide(&mut check, in_flight, &mut person, Permanence::Permanent), Decision::RetryUncharged);
}

/// The lane may have been without a CPU between the reply and its decision.
#[test]
fn a_refusal_from_before_the_end_of_an_outage_does_not_count_after_it() {
    let probes = Backoff { first: Duration::from_millis(1), cap: Duration::from_millis(1) };
    let lanes = Lanes { breaker: Breaker::new(probes, Monitor::default()), ..lanes() };
    let mut check = RefusalCheck::default();
    for permanence in [Permanence::Permanent, Permanence::Transient] {
        let in_flight = lanes.admit();
        let people = (2..).map(recipient).take(MAX_REFUSED_PEOPLE);
        let last = people.map(|mut person| lanes.refuses(&mut check, &mut person)).last();
        assert_eq!(last, Some(Decision::RetryUncharged), "the breaker is open");
        lanes.accepts(&mut check);
        assert!(lanes.breaker.is_closed(), "the probe was accepted");

        let mut person = recipient(1);
        assert_eq!(decide(&mut check, in_flight, &mut person, permanence), Decision::RetryUncharged);
        lanes.accepts(&mut check);
        assert_eq!(lanes.refuses(&mut check, &mut person), Decision::Retry, "refused once since");
        lanes.accepts(&mut check);
        assert_eq!(lanes.refuses(&mut check, &mut person), Decision::Fail);
    }
}

#[test]
fn a_lane_that_is_only_refused_confirms_nothing_and_a_lane_that_is_served_does() {
    let (lanes, mut refused_lane, mut served_lane) =
        (lanes(), RefusalCheck::default(), RefusalCheck::default());
    let mut person = recipient(1);
    lanes.accepts(&mut served_lane);
    assert_eq!(lanes.refuses(&mut refused_lane, &mut person), Decision::Retry);
    for id in 2..10 {
        lanes.accepts(&mut served_lane);
        assert_eq!(lanes.refuses(&mut refused_lane, &mut recipient(id)), Decision::Retry);
        assert_eq!(
            lanes.refuses(&mut refused_lane, &mut person),
            Decision::RetryUncharged,
            "another lane decides"
        );
    }
    lanes.accepts(&mut served_lane);
    assert_eq!(lanes.refuses(&mut served_lane, &mut person), Decision::Fail);
    lanes.accepts(&mut refused_lane);
    let mut other = Recipient { refused_at: Some(Instant::now()), ..recipient(20) };
    lanes.accepts(&mut served_lane);
    assert_eq!(lanes.refuses(&mut refused_lane, &mut other), Decision::Fail, "it is served again");
}

#[test]
fn people_who_fail_one_by_one_do_not_count_as_refused_in_a_row() {
    let (lanes, mut check) = (lanes(), RefusalCheck::default());
    let mut people: Vec<Recipient> =
        (1..=3 * i64::try_from(MAX_REFUSED_PEOPLE).unwrap()).map(recipient).collect();
    for some in people.chunks_mut(MAX_REFUSED_PEOPLE - 1) {
        assert!(some.iter_mut().all(|person| lanes.refuses(&mut check, person) == Decision::Retry));
        lanes.accepts(&mut check);
    }
    assert!(people.iter_mut().all(|person| lanes.refuses(&mut check, person) == Decision::Fail));
    assert!(lanes.breaker.is_closed());
}

#[test]
fn while_the_relay_refuses_everyone_nobody_is_charged() {
    let (lanes, mut check) = (lanes(), RefusalCheck::default());
    for id in 1..i64::try_from(MAX_REFUSED_PEOPLE).unwrap() {
        assert_eq!(lanes.refuses(&mut check, &mut recipient(id)), Decision::Retry);
    }
    let in_flight = lanes.admit();
    assert_eq!(
        lanes.refuses(&mut check, &mut recipient(98)),
        Decision::RetryUncharged,
        "it opens the breaker"
    );
    let mut last = recipient(99);
    let decision = decide(&mut check, in_flight, &mut last, Permanence::Permanent);
    assert_eq!(decision, Decision::RetryUncharged);
}

#[test]
fn a_person_who_was_deferred_with_a_5yz_was_refused_before() {
    let (lanes, mut check) = (lanes(), RefusalCheck::default());
    let long_ago = Duration::from_secs(60);
    lanes.accepts(&mut check);
    for (code, decision) in [
        (Some(554), Decision::Fail),
        (Some(450), Decision::Retry),
        (Some(354), Decision::Retry),
        (None, Decision::Retry),
    ] {
        let mut person = recipient(1).deferred_with(code, long_ago);
        assert_eq!(lanes.refuses(&mut check, &mut person), decision, "{code:?}");
        lanes.accepts(&mut check);
    }
    let mut just_now = recipient(1).deferred_with(Some(554), Duration::ZERO);
    assert_eq!(lanes.refuses(&mut check, &mut just_now), Decision::Retry, "nothing was accepted since");
}
