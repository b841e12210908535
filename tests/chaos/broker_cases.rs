//! What workers do when a fault strikes their broker: small notifications, large ones, notices, equal ones of which one is acked,
//! some run and one waits, and notifications of several queues. All cases of a scenario share a broker, so that one fault strikes them all.

use std::sync::Arc;
use std::time::Duration;

use crate::run::Run;
use testkit::broker::Broker;
use testkit::queue::Queue;
use testkit::scenario::Scenario;
use testkit::system::System;

/// What is published before the fault.
#[derive(Debug, Clone, Copy)]
pub enum Work {
    /// Notifications of random kinds of one event, one after another.
    Slow,
    /// The same, from several queues of each worker, of which some are urgent.
    Queues,
    /// Notices to many people, side by side.
    Notices,
    /// Many notifications of one recipient each.
    Small,
    /// Equal notifications: one is acked before the fault, each worker runs one, and the last one waits.
    Equal,
    /// One notification, which is acked before the fault.
    Acked,
    /// Many equal small notifications, one after another.
    Stream,
}

/// A case.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// What is published.
    pub work: Work,
    /// `PREFETCH`: with 1 the notification that waits does so in the queue of the broker.
    pub prefetch: usize,
    /// Number of workers.
    pub workers: usize,
    /// How many of them lose the broker, where it does not concern all.
    pub struck: usize,
}

/// The cases of every fault.
pub const CASES: [Case; 8] = [
    Case { work: Work::Slow, prefetch: 16, workers: 1, struck: 1 },
    Case { work: Work::Equal, prefetch: 1, workers: 1, struck: 1 },
    Case { work: Work::Equal, prefetch: 16, workers: 1, struck: 1 },
    Case { work: Work::Equal, prefetch: 1, workers: 2, struck: 2 },
    Case { work: Work::Equal, prefetch: 16, workers: 2, struck: 1 },
    Case { work: Work::Acked, prefetch: 16, workers: 1, struck: 1 },
    Case { work: Work::Small, prefetch: 16, workers: 1, struck: 1 },
    Case { work: Work::Small, prefetch: 16, workers: 2, struck: 2 },
];

/// More cases for a broker that forgets acks: which of many equal messages it delivers again cannot be told from them.
pub const STREAMS: [Case; 3] = [
    Case { work: Work::Stream, prefetch: 1, workers: 1, struck: 1 },
    Case { work: Work::Stream, prefetch: 16, workers: 1, struck: 1 },
    Case { work: Work::Stream, prefetch: 16, workers: 2, struck: 2 },
];

/// More cases: notices, and several queues.
pub const NOTICES_AND_QUEUES: [Case; 4] = [
    Case { work: Work::Notices, prefetch: 16, workers: 1, struck: 1 },
    Case { work: Work::Notices, prefetch: 2, workers: 2, struck: 2 },
    Case { work: Work::Queues, prefetch: 16, workers: 1, struck: 1 },
    Case { work: Work::Queues, prefetch: 1, workers: 2, struck: 2 },
];

impl Case {
    /// To how many people each message is sent.
    pub fn people(self, run: &Run) -> usize {
        match self.work {
            Work::Slow | Work::Queues | Work::Notices => run.size(100, 1_000),
            Work::Small | Work::Stream => 1,
            Work::Equal | Work::Acked => run.size(40, 400),
        }
    }

    /// The participants, and the queues on the broker.
    pub fn build(self, run: &Run, broker: &Arc<Broker>) -> Scenario {
        let people = if matches!(self.work, Work::Notices) { 0 } else { self.people(run) };
        let system = if self.workers == 1 { System::Sqlite } else { System::Postgresql };
        let setup = run.setup(system, people).env("PREFETCH", &self.prefetch.to_string());
        // Beyond a link the broker is not on loopback.
        let mut setup = setup.env("LAVINMQ_USE_TLS", "False");
        if matches!(self.work, Work::Slow | Work::Queues | Work::Notices) {
            setup = setup.env("SMTP_RATE_PER_SECOND", &run.size(60, 300).to_string());
        }
        let mut scenario = setup.broker(broker).build();
        if matches!(self.work, Work::Queues) {
            let name = scenario.queue.name.clone();
            scenario.environment.insert("LAVINMQ_QUEUE".to_owned(), format!("{name},{name}-more"));
            scenario.environment.insert("URGENT_QUEUE".to_owned(), "True".to_owned());
        }
        if matches!(self.work, Work::Small) {
            scenario.ledger.add_small_events(self.small(run));
        }
        if matches!(self.work, Work::Small) {
            // So that some of them are left when all cases are in the middle.
            let delay = Duration::from_millis(run.size(20, 5) as u64);
            scenario.smtp.configure(|settings| settings.reply_delay = delay);
        }
        for queue in self.queues(&scenario) {
            assert_eq!(queue.depth(), 0, "and now it is declared");
        }
        scenario
    }

    /// The queues that the workers take messages from.
    pub fn queues(self, scenario: &Scenario) -> Vec<Queue> {
        let suffixes: &[&str] = match self.work {
            Work::Queues => &["", "-more", ".urgent", "-more.urgent"],
            _ => &[""],
        };
        let Queue { broker, name, published } = &scenario.queue;
        let queue = |suffix: &&str| Queue {
            broker: Arc::clone(broker),
            name: format!("{name}{suffix}"),
            published: Arc::clone(published),
        };
        suffixes.iter().map(queue).collect()
    }

    /// Whether the moment for a fault is soon over. The others wait at the gate of their relay, or take long.
    pub fn is_fast(self) -> bool {
        matches!(self.work, Work::Small | Work::Stream | Work::Acked)
    }

    /// Number of small notifications.
    pub fn small(self, run: &Run) -> usize {
        match self.work {
            Work::Stream => run.size(400, 2_000),
            _ => run.size(600, 3_000),
        }
    }
}
