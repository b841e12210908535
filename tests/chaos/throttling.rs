//! The relay takes a limited number of mails in a second, or of connections. Nobody is charged, nearly all that the relay
//! allows is used, and few mails are refused.

use std::thread;
use std::time::{Duration, Instant};

use crate::lateness::Lateness;
use crate::run::{LANES, Run};
use crate::workers::Workers;
use testkit::scenario::{EVENT, Scenario};
use testkit::smtp::log::BodyReply;
use testkit::smtp::policy::Policy;
use testkit::smtp::step_fault::{Step, StepFault};
use testkit::system::System;

/// The replies of relays that throttle: Amazon SES, Exchange Online, Postfix, and one that refuses the sender for now.
const REPLIES: [(Step, &str); 4] = [
    (Step::Dot, "454 Throttling failure: Maximum sending rate exceeded."),
    (Step::Data, "432 4.3.2 Concurrent mails limit exceeded, try again later"),
    (Step::Rcpt, "450 4.7.1 Error: too much mail from 192.0.2.1"),
    (Step::Mail, "451 4.7.1 Sender rate limit exceeded, try again later"),
];

/// Seconds after which few mails may be refused, in the long form.
const SETTLED: u64 = 60;

/// How often the pace is measured on a machine that is late each time.
const MEASUREMENTS: usize = 3;

/// Mails and refusals of a fan-out through a relay that throttles, each with the time since the first mail.
struct Course {
    accepted: Vec<Duration>,
    refused: Vec<Duration>,
}

impl Course {
    fn of(scenario: &Scenario) -> Self {
        scenario.smtp.read_log(|log| {
            let accepted = log.received.iter().filter(|mail| mail.answer == BodyReply::Accepted);
            let accepted: Vec<Instant> = accepted.map(|mail| mail.at).collect();
            let start = accepted.iter().chain(&log.refusals).min().copied().unwrap();
            let since = |times: &[Instant]| {
                let mut times: Vec<Duration> = times.iter().map(|at| *at - start).collect();
                times.sort();
                times
            };
            Self { accepted: since(&accepted), refused: since(&log.refusals) }
        })
    }

    fn took(&self) -> Duration {
        *self.accepted.last().unwrap()
    }

    /// The mails, divided by as many as the relay allows in the time from the first mail to the last one.
    fn share_of(&self, limit: usize) -> f64 {
        number(self.accepted.len()) / (number(limit) * self.took().as_secs_f64())
    }

    /// The refusals for each accepted mail from this time on.
    fn refused_after(&self, time: Duration) -> f64 {
        let count = |times: &[Duration]| number(times.iter().filter(|at| **at >= time).count());
        count(&self.refused) / count(&self.accepted).max(1.0)
    }

    /// Mails in a second in the last part of the fan-out.
    fn rate_in_last(&self, part: Duration) -> f64 {
        let start = self.took().saturating_sub(part);
        number(self.accepted.iter().filter(|at| **at >= start).count()) / part.as_secs_f64()
    }
}

fn number(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap())
}

/// Sends one notification through a relay for each of these policies, at the same time.
fn send_through(run: &mut Run, people: usize, policies: Vec<Policy>) -> Vec<Scenario> {
    let with_policy = |policy| {
        // Nobody is charged: a charged attempt would be a failure.
        let setup = run.setup(System::Sqlite, people).env("MAX_RETRIES", "0").env("DEFER_SCHEDULE", "off");
        (setup.build(), policy)
    };
    let scenarios: Vec<(Scenario, Policy)> = policies.into_iter().map(with_policy).collect();
    let scenarios: Vec<Scenario> = thread::scope(|scope| {
        let send = |(scenario, policy): (Scenario, Policy)| {
            scenario.queue.publish("UPDATED", EVENT, None);
            scenario.smtp.add_policy(policy);
            let crashes = Workers::start(&scenario, 1).finish(1);
            assert_eq!(crashes, 0, "no relay makes a worker end");
            scenario
        };
        let sending: Vec<_> =
            scenarios.into_iter().map(|scenario| scope.spawn(move || send(scenario))).collect();
        sending.into_iter().map(|sending| sending.join().unwrap()).collect()
    });
    for scenario in &scenarios {
        run.check(scenario, 1, 0);
    }
    scenarios
}

/// The relay takes this number of mails in any second, and refuses the others: after the dot, at DATA, at RCPT, or at
/// MAIL. A pace that is too slow is measured again if the machine was late meanwhile.
pub fn limited_rate(run: &mut Run, limit: usize) {
    let people = limit * run.size(12, 120);
    let least = if run.is_long() { 0.9 } else { 0.8 };
    let mut courses = Vec::new();
    for _ in 0..MEASUREMENTS {
        let lateness = Lateness::measure();
        let policies = REPLIES.map(|(step, reply)| Policy::rate(step, reply, limit));
        courses = send_through(run, people, policies.into()).iter().map(Course::of).collect();
        let is_slow = courses.iter().any(|course| course.share_of(limit) < least);
        match lateness.end() {
            Some(late) if is_slow => println!("one wake-up in a hundred was {late:?} late: measured again"),
            _ => break,
        }
    }
    for (course, (step, _)) in courses.iter().zip(REPLIES) {
        let settled = if run.is_long() { Duration::from_secs(SETTLED) } else { course.took() / 2 };
        let (share, refused) = (course.share_of(limit), course.refused_after(settled));
        run.record_pace(share, refused);
        assert!(share >= least, "{share:.2} of {limit} a second at {step:?}, in {:?}", course.took());
        assert!(refused < 0.1, "{refused:.2} refusals for each mail at {step:?}");
    }
}

/// The relay allows more after a while.
pub fn growing_rate(run: &mut Run) {
    let (slow, fast) = (14, 50);
    let slow_seconds = run.size(2, 60);
    let people = run.size(180, slow * slow_seconds + fast * 90);
    let (step, reply) = run.random.choice(REPLIES).unwrap();
    let limits = vec![(Duration::ZERO, slow), (Duration::from_secs(slow_seconds as u64), fast)];
    let scenarios = send_through(run, people, vec![Policy::changing_rate(step, reply, limits)]);
    let course = Course::of(&scenarios[0]);
    let last_part = Duration::from_secs(if run.is_long() { 20 } else { 2 });
    let rate = course.rate_in_last(last_part);
    let least = if run.is_long() { 0.9 * number(fast) } else { 1.2 * number(slow) };
    assert!(rate >= least, "{rate:.1} a second at the end, at {step:?}, in {:?}", course.took());
    if run.is_long() {
        let refused = course.refused_after(Duration::from_secs(SETTLED));
        run.record_pace(rate / number(fast), refused);
        assert!(refused < 0.1, "{refused:.2} refusals for each mail at {step:?}");
    }
}

/// The relay limits connections only: some lanes stop, and the others work at full speed.
pub fn limited_connections(run: &mut Run) {
    const ALLOWED: usize = LANES / 2;
    let limits = [
        (Step::Greeting, StepFault::HangUp("421 4.7.0 Too many connections from your address")),
        (Step::Data, StepFault::Say(b"432 4.3.2 Concurrent connections limit exceeded")),
    ];
    for (step, fault) in limits {
        let people = run.size(1_000, 20_000);
        let setup = run.setup(System::Sqlite, people).env("MAX_RETRIES", "0").env("DEFER_SCHEDULE", "off");
        let scenario = setup.build();
        scenario.smtp.configure(|settings| {
            settings.most_connections = Some((ALLOWED, step, fault));
            settings.reply_delay = Duration::from_millis(5);
        });
        scenario.queue.publish("UPDATED", EVENT, None);
        let mut workers = Workers::start(&scenario, 1);
        workers.wait_until("half of the mails", |_| scenario.smtp.accepted() >= people / 2);
        let pace = workers.metric_text(0, "fanmail_pace_per_second");
        assert_eq!(pace, "0.0", "the relay does not limit the rate");
        let crashes = workers.finish(1);
        run.check(&scenario, 1, crashes);
        let refused = Course::of(&scenario).refused_after(Duration::ZERO);
        run.record_refused(refused);
        assert!(refused < 0.1, "{refused:.2} refusals for each mail at {step:?}");
    }
}
