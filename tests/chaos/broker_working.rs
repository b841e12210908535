//! The workers of a case: what is published before a fault of their broker and after it, when they are in the middle, and the checks
//! at the end.

use std::time::{Duration, Instant};

use crate::broker_cases::{Case, Work};
use crate::messages::{Ids, Message, notices, of_event};
use crate::run::{LANES, Run};
use crate::workers::{Variables, Workers};
use testkit::queue::Queue;
use testkit::scenario::{EVENT, Scenario};
use testkit::smtp::gate::Point;

/// What the log says when it takes a message for the cause of lost connections.
const BLAMES_A_MESSAGE: &str = "near the head of the queue";

/// When a case that is not done is lost. All that the workers have to do takes some seconds.
const GIVEN_UP: Duration = Duration::from_secs(100);

/// How many mails are sent before the pauses are looked at again.
const SOME_MAILS: usize = 10;

/// A case with its workers.
pub struct Working<'scenario> {
    /// The case.
    pub case: Case,
    /// Its scenario.
    pub scenario: &'scenario Scenario,
    /// Its workers. Those that are struck come first.
    pub workers: Workers<'scenario>,
    queues: Vec<Queue>,
    ids: Ids,
    /// Number of notifications so far.
    published: usize,
    people: usize,
}

impl<'scenario> Working<'scenario> {
    /// Starts the workers. Those that the fault strikes have these variables.
    pub fn start(run: &Run, case: Case, scenario: &'scenario Scenario, ids: Ids, struck: &Variables) -> Self {
        let variables = |n| if n < case.struck { struck.clone() } else { Variables::new() };
        let workers = Workers::start_each(scenario, (0..case.workers).map(variables).collect());
        Self {
            case,
            scenario,
            workers,
            queues: case.queues(scenario),
            ids,
            published: 0,
            people: case.people(run),
        }
    }

    /// Publishes what is to be acked long before the fault, and waits until it is.
    pub fn prepare(&mut self) {
        if matches!(self.case.work, Work::Equal) {
            self.publish("UPDATED", 1);
            self.wait_for_ack();
        }
    }

    /// Publishes everything else. RabbitMQ writes acks whenever it confirms a message, which no ledger can see, so the ledger has seen a
    /// pause before.
    pub fn begin(&mut self, run: &mut Run) {
        match self.case.work {
            Work::Slow | Work::Queues => {
                let kinds = ["CREATED", "UPDATED", "CANCELLED"];
                (0..4).for_each(|_| self.publish(run.random.choice(kinds).unwrap(), 1));
            }
            Work::Notices => {
                let messages = notices(run, 4, self.people, self.ids);
                self.publish_all(&messages);
            }
            Work::Small => self.publish_small(run),
            Work::Equal => {
                self.scenario.smtp.gate().close_after(Point::BeforeReply, self.people / 2);
                self.publish("UPDATED", self.case.workers + 1);
            }
            Work::Acked => self.publish("UPDATED", 1),
            Work::Stream => {
                // No ack is sent meanwhile.
                let gate = self.scenario.smtp.gate();
                gate.close_after(Point::BeforeReply, 0);
                self.publish("UPDATED", self.case.small(run));
                gate.open();
            }
        }
    }

    fn wait_for_ack(&mut self) {
        let published = self.published;
        self.workers.wait_until("the ack before the fault", |workers| workers.newest_is_acked(published));
    }

    /// Waits until the fault may strike.
    pub fn wait_for_the_middle(&mut self, run: &mut Run) {
        let due = self.scenario.mail_counts().total();
        let mails = match self.case.work {
            // What was published before is sent.
            Work::Slow | Work::Queues => due - self.people * run.random.usize(1..=4),
            Work::Notices => due - run.random.usize(1..=4 * self.people),
            Work::Small | Work::Stream => {
                due - self.people * run.random.usize(self.case.small(run) / 2..=self.case.small(run))
            }
            Work::Equal => {
                let held = LANES * self.case.workers;
                let gate = self.scenario.smtp.gate();
                return self.workers.wait_until("mails held at the gate", |_| gate.held() == held);
            }
            Work::Acked => return self.wait_for_ack(),
        };
        self.workers.wait_until("the middle", |workers| workers.accepted() >= mails);
    }

    /// Holds the mails of what runs.
    pub fn hold(&self) {
        if self.runs_freely() {
            self.scenario.smtp.gate().close_after(Point::BeforeReply, 0);
        }
    }

    /// Lets them go on, and waits for some of them.
    pub fn go_on(&mut self) {
        if self.runs_freely() {
            self.release();
            let mails = self.scenario.mail_counts().total().min(self.workers.accepted() + SOME_MAILS);
            self.workers.wait_until("some more mails", |workers| workers.accepted() >= mails);
        }
    }

    fn runs_freely(&self) -> bool {
        !matches!(self.case.work, Work::Equal | Work::Acked)
    }

    /// Publishes one more that is equal to others.
    pub fn publish_late(&mut self) {
        if !self.runs_freely() {
            self.publish("UPDATED", 1);
        }
    }

    /// Lets what runs go on.
    pub fn release(&self) {
        self.scenario.smtp.gate().open();
    }

    /// Waits until all workers take messages, where the broker also counts this number of consumers that are gone.
    pub fn wait_until_back(&mut self, gone: usize) {
        let (queues, count) = (&self.queues, self.workers.count() + gone);
        self.workers.wait_until("all workers to take messages", |_| {
            queues.iter().all(|queue| queue.consumers() as usize >= count)
        });
    }

    /// Waits until all notifications of this round are completed and no message is left, but not longer than some time
    /// after `start`: lost ones never are, and the check tells how many mails are missing.
    pub fn wait_until_done(&mut self, start: Instant) {
        let (scenario, queues, published) = (self.scenario, &self.queues, self.published);
        self.workers.wait_until("all notifications", |_| {
            let done =
                scenario.ledger.completed() >= published && queues.iter().all(|queue| queue.depth() == 0);
            done || start.elapsed() > GIVEN_UP
        });
    }

    /// Stops the workers.
    pub fn stop(self) -> Done<'scenario> {
        let Self { case, scenario, workers, published, .. } = self;
        let logs: Vec<String> = (0..case.workers).map(|n| workers.log(n)).collect();
        let crashes = workers.finish_except_acks(published.min(scenario.ledger.completed()));
        let (lost, duplicates) = scenario.mail_counts().lost_and_duplicates();
        eprintln!("{case:?}: {published} notifications, {lost} mails lost, {duplicates} duplicates");
        Done { case, scenario, published, crashes, logs }
    }

    fn publish(&mut self, kind: &str, count: usize) {
        let messages: Vec<_> = (0..count).map(|_| of_event(kind, EVENT, self.ids)).collect();
        self.publish_all(&messages);
    }

    fn publish_small(&mut self, run: &Run) {
        let first = EVENT + 1;
        let events = (first..).take(self.case.small(run));
        let messages: Vec<_> = events.map(|event| of_event("UPDATED", event, self.ids)).collect();
        self.publish_all(&messages);
    }

    /// The queues take turns.
    fn publish_all(&mut self, messages: &[Message]) {
        self.queues[self.published % self.queues.len()].publish_all(messages);
        self.published += messages.len();
    }
}

/// A case whose workers have ended.
pub struct Done<'scenario> {
    case: Case,
    scenario: &'scenario Scenario,
    published: usize,
    crashes: usize,
    logs: Vec<String>,
}

impl Done<'_> {
    /// Checks the mails and the logs.
    pub fn check(self, run: &mut Run) {
        let case = self.case;
        eprintln!("checking {case:?}");
        assert_eq!(self.crashes, 0, "no broker makes a worker end");
        run.check_except_acks(self.scenario, self.published, self.crashes);
        for log in self.logs {
            assert!(!log.contains(BLAMES_A_MESSAGE), "{log}");
        }
    }
}
