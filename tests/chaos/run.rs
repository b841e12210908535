//! The runs of one scenario: a stream of random numbers, the size of the scenario, and the checks at the end of each
//! run.

use std::collections::BTreeSet;
use std::io::{Write as _, stderr};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use std::{env, thread};

use fastrand::Rng;

use crate::table::Row;
use testkit::scenario::Scenario;
use testkit::scenario::builder::ScenarioBuilder;
use testkit::scenario::mail_counts::ByRecipient;
use testkit::smtp::log::BodyReply;
use testkit::system::System;

/// SMTP connections of each worker.
pub const LANES: usize = 4;

/// Longest random pause of a [`Moment`]: longer than a mail or a commit takes.
const LONGEST_PAUSE: Duration = Duration::from_millis(5);

/// A random moment of a fan-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// The number of accepted mails,
    pub mails: usize,
    /// and the time after that.
    pub pause: Duration,
}

/// A scenario that is running.
pub struct Run {
    /// Depends only on the seed, the scenario and the number of the run.
    pub random: Rng,
    name: &'static str,
    /// How often the scenario runs; `None` in the short form.
    runs: Option<usize>,
    row: Row,
}

impl Run {
    /// Runs a scenario: once and small with the tests, or large and as often as `CHAOS_RUNS` says.
    pub fn repeat(name: &'static str, fault: &'static str, scenario: impl Fn(&mut Self)) {
        let mut run = Self { random: Rng::with_seed(0), name, runs: runs(), row: Row::new(name, fault) };
        let runs = run.runs.unwrap_or(1);
        let start = Instant::now();
        for number in 1..=runs {
            run.random = Rng::with_seed(derive(seed(), name, number));
            scenario(&mut run);
            run.row.runs = number;
        }
        if run.is_long() {
            let Row { mails, lost, duplicates, .. } = run.row;
            say(&format!(
                "{name}: {runs} runs, {mails} mails, {lost} lost, {duplicates} duplicates, {} s",
                start.elapsed().as_secs()
            ));
        }
    }

    /// `short` for the tests, `long` for the long form.
    pub fn size(&self, short: usize, long: usize) -> usize {
        if self.is_long() { long } else { short }
    }

    /// Whether this is the long form.
    pub fn is_long(&self) -> bool {
        self.runs.is_some()
    }

    /// A database with this number of participants, a queue, and a relay that works.
    pub fn setup(&self, system: System, participants: usize) -> ScenarioBuilder {
        let name = format!("chaos-{}", self.name);
        Scenario::with_relay(&name, participants).connections(LANES).database(system)
    }

    /// Random moments while `mails` mails are sent, in their order.
    pub fn moments(&mut self, count: usize, mails: usize) -> Vec<Moment> {
        let mut moments: Vec<Moment> = (0..count)
            .map(|_| Moment { mails: self.random.usize(..mails), pause: self.pause(LONGEST_PAUSE) })
            .collect();
        moments.sort();
        moments
    }

    /// A random time below `longest`.
    pub fn pause(&mut self, longest: Duration) -> Duration {
        longest.mul_f64(self.random.f64())
    }

    /// Records the share of the allowed rate, and the refusals for each mail, of a relay that throttles.
    pub fn record_pace(&mut self, share: f64, refused: f64) {
        self.row.share = Some(self.row.share.map_or(share, |least| least.min(share)));
        self.record_refused(refused);
    }

    /// Records the mails of a run whose scenario checks them itself.
    pub fn record_mails(&mut self, mails: usize, duplicates: usize, bound: usize) {
        self.row.exact = false;
        self.row.mails += mails;
        self.row.duplicates += duplicates;
        self.row.bound += bound;
    }

    /// Records the refusals for each mail.
    pub fn record_refused(&mut self, refused: f64) {
        self.row.refused = Some(self.row.refused.map_or(refused, |most| most.max(refused)));
    }

    /// Checks what has to hold after each run, without workers. Each crash of a worker with [`LANES`] connections may
    /// have repeated that many mails. Without a crash, exactly those mails are repeated whose reply was lost.
    #[track_caller]
    pub fn check(&mut self, scenario: &Scenario, notifications: usize, crashes: usize) {
        self.check_except_acks(scenario, notifications, crashes);
        scenario.check_completed();
    }

    /// The same when the broker was killed: it may have got an ack that the ledger does not have.
    #[track_caller]
    pub fn check_except_acks(&mut self, scenario: &Scenario, notifications: usize, crashes: usize) {
        let unanswered = scenario
            .smtp
            .read_log(|log| log.received.iter().filter(|mail| mail.answer == BodyReply::None).count());
        let bound = if crashes > 0 { crashes * LANES } else { unanswered };
        self.row.exact &= crashes == 0;
        let duplicates = self.check_mails(scenario, bound);
        assert!(crashes > 0 || duplicates == bound, "{duplicates} duplicates, and {bound} have to be");
        assert_eq!(scenario.ledger.outcomes("failed"), 0, "nobody may fail");
        assert_eq!(scenario.ledger.count("notifications"), notifications, "notifications in the ledger");
        check_message_ids(scenario, bound);
        let left = scenario.ledger.count("outbox WHERE taken_at IS NULL OR problem IS NOT NULL");
        assert_eq!(left, 0, "rows of the outbox are left");
        scenario.check_completed_except_acks();
    }

    /// Checks by recipient and published message alone that nobody is left out, and that no more mails than `bound` are
    /// repeated. Returns the number of those. The ledger may have lost rows.
    #[track_caller]
    pub fn check_mails(&mut self, scenario: &Scenario, bound: usize) -> usize {
        let mails = scenario.mail_counts();
        let (lost, duplicates) = mails.lost_and_duplicates();
        self.row.mails += mails.total();
        self.row.lost += lost;
        self.row.duplicates += duplicates;
        self.row.bound += bound;
        let examples = |mails: ByRecipient| mails.into_iter().take(5).collect::<Vec<_>>();
        let outcome = format!("{lost} of {} are lost, {duplicates} are duplicates", mails.total());
        assert_eq!(lost, 0, "{outcome}; lost are {:?}", examples(mails.lost()));
        assert!(
            duplicates <= bound,
            "{outcome}, and the bound is {bound}: {:?}",
            examples(mails.duplicates())
        );
        duplicates
    }

    /// The same, and no more can be said: the ledger does not know what it has lost.
    #[track_caller]
    pub fn check_after_losses(&mut self, scenario: &Scenario, bound: usize) {
        self.row.exact = false;
        self.check_mails(scenario, bound);
        assert_eq!((scenario.queue.depth(), scenario.queue.dead_depth()), (0, 0), "messages are left");
    }
}

/// The same count by Message-ID: every recipient of every notification has one of its own, on each attempt the same.
#[track_caller]
fn check_message_ids(scenario: &Scenario, bound: usize) {
    let (expected, accepted) = (expected_ids(scenario), scenario.smtp.accepted_ids());
    let lost: Vec<&String> = expected.iter().filter(|id| !accepted.contains_key(*id)).collect();
    let unexpected: Vec<&String> = accepted.keys().filter(|id| !expected.contains(*id)).collect();
    assert!(lost.is_empty(), "{} of {} are lost, such as {:?}", lost.len(), expected.len(), lost[0]);
    assert!(unexpected.is_empty(), "unexpected mails: {unexpected:?}");
    let duplicates = scenario.duplicates();
    assert!(duplicates <= bound, "{duplicates} Message-IDs were repeated, and at most {bound} may be");
}

impl Drop for Run {
    fn drop(&mut self) {
        if thread::panicking() {
            let (name, seed) = (self.name, seed());
            let again = match self.runs {
                Some(runs) => format!("scripts/chaos --seed {seed} --runs {runs} {name}"),
                None => format!("CHAOS_SEED={seed} scripts/test --test chaos {name}"),
            };
            say(&format!("{name} has failed; to repeat it: {again}"));
        }
    }
}

/// The Message-IDs of all recipients of all notifications.
fn expected_ids(scenario: &Scenario) -> BTreeSet<String> {
    let people = scenario.ledger.people_by_event();
    let recipients = scenario.ledger.recipients().into_iter();
    let mut ids: BTreeSet<String> = recipients.map(|(of, id)| scenario.ledger.message_id(of, id)).collect();
    for row in scenario.ledger.notifications() {
        let people = people.get(&row.event_id).into_iter().flatten();
        ids.extend(people.map(|person| scenario.ledger.message_id(row.id, person.id)));
    }
    ids
}

/// The number of runs in the long form; `None` in the short form.
fn runs() -> Option<usize> {
    env::var("CHAOS_RUNS").ok().map(|runs| runs.parse().expect("CHAOS_RUNS must be a number"))
}

/// `CHAOS_SEED`, or a random number. Prints it once.
fn seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| {
        let seed = match env::var("CHAOS_SEED") {
            Ok(seed) => seed.parse().expect("CHAOS_SEED must be a number"),
            Err(_) => fastrand::u64(..1 << 32),
        };
        say(&format!("the seed is {seed}"));
        seed
    })
}

/// A seed for each run of each scenario, so that one run can be repeated without the others (FNV-1a).
fn derive(seed: u64, name: &str, number: usize) -> u64 {
    format!("{seed} {name} {number}")
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Prints a text at once: the test harness shows the output of a test only when the test fails.
#[expect(clippy::explicit_write, reason = "eprintln is what the harness catches")]
fn say(text: &str) {
    writeln!(stderr(), "chaos: {text}").unwrap();
}
