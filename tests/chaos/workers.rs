//! The workers of a run, and their supervisor: a worker that has ended is replaced, as systemd would do.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use std::time::Duration;

use crate::messages::Way;
use crate::run::Moment;
use testkit::http;
use testkit::ports::free_port;
use testkit::process::Process;
use testkit::scenario::Scenario;
use testkit::wait::wait_for;

/// Deadline for everything, also on a busy machine and with pauses that double.
pub const LONGEST: Duration = Duration::from_secs(600);

/// Variables of `fanmail`, with their values.
pub type Variables = Vec<(&'static str, String)>;

/// The workers of one scenario.
pub struct Workers<'scenario> {
    /// What they work on.
    pub scenario: &'scenario Scenario,
    way: Way,
    running: Vec<Worker>,
    /// How often a worker was killed, has ended by itself, or was frozen until others took over its work. The mails in
    /// flight at that time may be sent twice.
    pub crashes: usize,
}

struct Worker {
    process: Process,
    /// The variables of this worker alone.
    variables: Variables,
    /// The port of its metrics.
    port: u16,
}

impl<'scenario> Workers<'scenario> {
    /// Starts this number of workers, which use the broker.
    pub fn start(scenario: &'scenario Scenario, count: usize) -> Self {
        Self::start_with(scenario, Way::Queue, count)
    }

    /// Starts this number of workers.
    pub fn start_with(scenario: &'scenario Scenario, way: Way, count: usize) -> Self {
        Self::start_all(scenario, way, vec![Variables::new(); count])
    }

    /// Starts workers of which each has these variables besides those of the scenario.
    pub fn start_each(scenario: &'scenario Scenario, workers: Vec<Variables>) -> Self {
        Self::start_all(scenario, Way::Queue, workers)
    }

    fn start_all(scenario: &'scenario Scenario, way: Way, workers: Vec<Variables>) -> Self {
        let running = workers.into_iter().map(|variables| Worker::start(scenario, way, variables)).collect();
        Self { scenario, way, running, crashes: 0 }
    }

    /// Their number.
    pub fn count(&self) -> usize {
        self.running.len()
    }

    /// The log of a worker.
    pub fn log(&self, n: usize) -> String {
        self.running[n].process.log()
    }

    /// The value of a metric of a worker that counts something.
    #[track_caller]
    pub fn metric(&self, n: usize, name: &str) -> u64 {
        self.metric_text(n, name).parse().unwrap()
    }

    /// The value of a metric of a worker, as it is written.
    #[track_caller]
    pub fn metric_text(&self, n: usize, name: &str) -> String {
        let metrics = http::get(self.running[n].port, "/metrics");
        let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.expect(name).trim().to_owned()
    }

    /// Where a worker serves HTTP.
    pub fn address(&self, n: usize) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.running[n].port))
    }

    /// The process of a worker.
    pub fn process(&self, n: usize) -> u32 {
        self.running[n].process.id()
    }

    /// Waits until a worker says that it is healthy.
    #[track_caller]
    pub fn wait_for_health(&self, n: usize) {
        wait_for("an answer of /healthz", LONGEST, || {
            let response =
                http::try_send(self.address(n), "GET /healthz HTTP/1.1\r\n\r\n").unwrap_or_default();
            (http::status(&response) == "200").then_some(())
        });
    }

    /// Sets a variable of those that take the place of a worker.
    pub fn set(&mut self, n: usize, name: &'static str, value: &str) {
        self.running[n].variables.push((name, value.to_owned()));
    }

    /// SIGKILL, and a new worker in its place.
    pub fn kill(&mut self, n: usize) {
        let dead = self.replace(n);
        self.scenario.check_redacted(&dead.kill());
        self.crashes += 1;
    }

    /// SIGSTOP, until others have taken over the work.
    pub fn freeze(&mut self, n: usize) {
        self.running[n].process.freeze();
        self.crashes += 1;
    }

    /// SIGCONT.
    pub fn thaw(&self, n: usize) {
        self.running[n].process.thaw();
    }

    /// SIGTERM and a clean end, and a new worker in its place.
    #[track_caller]
    pub fn stop(&mut self, n: usize) {
        self.stop_while(n, |_| {});
    }

    /// The same, with what is done before the end of the worker.
    #[track_caller]
    pub fn stop_while(&mut self, n: usize, during: impl FnOnce(&Process)) {
        let worker = self.replace(n);
        worker.terminate();
        during(&worker);
        let ended = worker.wait();
        // Right after its start, a signal ends the process at once: the handler is not installed yet.
        let not_ready = ended.code.is_none() && !ended.err.contains("sending mails through");
        assert!(ended.code == Some(0) || not_ready, "SIGTERM must end it cleanly:\n{}", ended.err);
        self.scenario.check_redacted(&ended.err);
    }

    fn replace(&mut self, n: usize) -> Process {
        let successor = Worker::start(self.scenario, self.way, self.running[n].variables.clone());
        std::mem::replace(&mut self.running[n], successor).process
    }

    /// Replaces workers that have ended by themselves.
    pub fn supervise(&mut self) {
        for n in 0..self.running.len() {
            if !self.running[n].process.is_running() {
                let ended = self.replace(n).wait();
                self.scenario.check_redacted(&ended.err);
                self.crashes += 1;
            }
        }
    }

    /// Number of mails that the relay has accepted.
    pub fn accepted(&self) -> usize {
        self.scenario.smtp.accepted()
    }

    /// Whether there are so many notifications, and the ack of the newest is recorded. An older one may have none for
    /// ever: its ack was on the way when the connection was lost, and the broker has it.
    pub fn newest_is_acked(&self, notifications: usize) -> bool {
        let newest = "notifications WHERE acked_at IS NOT NULL AND id = (SELECT max(id) FROM notifications)";
        let ledger = &self.scenario.ledger;
        ledger.count("notifications") >= notifications && ledger.count(newest) == 1
    }

    /// Waits for a condition while the supervisor replaces workers.
    #[track_caller]
    pub fn wait_until(&mut self, what: &str, mut condition: impl FnMut(&Self) -> bool) {
        wait_for(what, LONGEST, || {
            self.supervise();
            condition(self).then_some(())
        });
    }

    /// Waits until the moment.
    #[track_caller]
    pub fn reach(&mut self, moment: Moment) {
        let Moment { mails, pause } = moment;
        self.wait_until(&format!("{mails} mails"), |workers| workers.scenario.smtp.accepted() >= mails);
        thread::sleep(pause);
    }

    /// Waits until this number of notifications is completed and acked and no mail is deferred, and stops all workers cleanly. Returns the
    /// number of crashes.
    #[track_caller]
    pub fn finish(mut self, notifications: usize) -> usize {
        self.wait_for_rows(notifications, "state = 'completed' AND acked_at IS NOT NULL");
        self.stop_all();
        self.crashes
    }

    /// The same when a worker or the broker ended or froze between an ack and its record. The broker may have the ack
    /// without a record of it, or the message is delivered once more. A message that was published twice is delivered
    /// twice as well.
    #[track_caller]
    pub fn finish_except_acks(mut self, notifications: usize) -> usize {
        self.wait_for_rows(notifications, "state = 'completed'");
        loop {
            self.stop_all();
            if self.scenario.queue.depth() == 0 {
                return self.crashes;
            }
            self.running.push(Worker::start(self.scenario, self.way, Variables::new()));
            self.wait_until("the queue to be empty", |workers| workers.scenario.queue.depth() == 0);
        }
    }

    fn wait_for_rows(&mut self, notifications: usize, such_that: &str) {
        self.wait_until(&format!("{notifications} notifications with {such_that}"), |workers| {
            workers.scenario.ledger.count(&format!("notifications WHERE {such_that}")) >= notifications
        });
        self.wait_until("the deferred mails", |workers| workers.scenario.ledger.count("deferrals") == 0);
    }

    fn stop_all(&mut self) {
        for worker in self.running.drain(..) {
            self.scenario.check_redacted(&worker.process.stop().err);
        }
    }
}

impl Worker {
    fn start(scenario: &Scenario, way: Way, variables: Variables) -> Self {
        let port = free_port();
        let mut environment = scenario.environment.clone();
        environment.insert("HTTP_ADDR".to_owned(), format!("127.0.0.1:{port}"));
        let own = variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        environment.extend(own);
        // The times of acks in the ledger are to be those at the broker.
        let niceness = scenario.queue.broker.niceness;
        let process = Process::start_under(niceness, scenario.dir.path(), &environment, way.arguments());
        Self { process, variables, port }
    }
}
