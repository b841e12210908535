//! The workers of a run, and their supervisor: whoever dies is replaced, as systemd would do it.

use std::thread;
use std::time::Duration;

use crate::run::Moment;
use testkit::http;
use testkit::ports::free_port;
use testkit::process::Process;
use testkit::scenario::Scenario;
use testkit::wait::wait_for;

/// Longer than anything should take, also on a busy machine and with pauses that double.
const LONGEST: Duration = Duration::from_secs(300);

/// Some workers of one scenario.
pub struct Workers<'scenario> {
    scenario: &'scenario Scenario,
    running: Vec<Worker>,
    /// How often one ended without being asked, or was frozen for so long that others took over. Mails that were
    /// under way then may be sent twice.
    pub crashes: usize,
}

struct Worker {
    process: Process,
    /// Of its metrics.
    port: u16,
}

impl<'scenario> Workers<'scenario> {
    /// Starts so many.
    pub fn start(scenario: &'scenario Scenario, count: usize) -> Self {
        let running = (0..count).map(|_| Worker::start(scenario)).collect();
        Self { scenario, running, crashes: 0 }
    }

    /// What one of them has logged.
    pub fn log(&self, n: usize) -> String {
        self.running[n].process.log()
    }

    /// What the metrics of one of them say of `name`.
    #[track_caller]
    pub fn metric(&self, n: usize, name: &str) -> u64 {
        let metrics = http::get(self.running[n].port, "/metrics");
        let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.expect(name).trim().parse().unwrap()
    }

    /// SIGKILL, and another one in its place.
    pub fn kill(&mut self, n: usize) {
        let dead = self.replace(n);
        self.scenario.check_redacted(&dead.kill());
        self.crashes += 1;
    }

    /// SIGSTOP, for so long that others take over what it does.
    pub fn freeze(&mut self, n: usize) {
        self.running[n].process.freeze();
        self.crashes += 1;
    }

    /// SIGCONT.
    pub fn thaw(&self, n: usize) {
        self.running[n].process.thaw();
    }

    /// SIGTERM, which has to end it cleanly, and another one in its place.
    #[track_caller]
    pub fn stop(&mut self, n: usize) {
        let worker = self.replace(n);
        worker.terminate();
        let ended = worker.wait();
        // Right after its start a signal just ends it, as it does any program that has not asked for it yet.
        let not_ready = ended.code.is_none() && !ended.err.contains("sending mails through");
        assert!(ended.code == Some(0) || not_ready, "SIGTERM must end it cleanly:\n{}", ended.err);
        self.scenario.check_redacted(&ended.err);
    }

    fn replace(&mut self, n: usize) -> Process {
        std::mem::replace(&mut self.running[n], Worker::start(self.scenario)).process
    }

    /// Replaces those that have ended by themselves.
    pub fn supervise(&mut self) {
        for n in 0..self.running.len() {
            if !self.running[n].process.is_running() {
                let ended = self.replace(n).wait();
                self.scenario.check_redacted(&ended.err);
                self.crashes += 1;
            }
        }
    }

    /// Waits for something while the supervisor looks after the workers.
    #[track_caller]
    pub fn wait_until(&mut self, what: &str, mut condition: impl FnMut(&Self) -> bool) {
        wait_for(what, LONGEST, || {
            self.supervise();
            condition(self).then_some(())
        });
    }

    /// Waits until the moment has come.
    #[track_caller]
    pub fn reach(&mut self, moment: Moment) {
        let Moment { mails, pause } = moment;
        self.wait_until(&format!("{mails} mails"), |workers| workers.scenario.smtp.accepted() >= mails);
        thread::sleep(pause);
    }

    /// Waits until so many notifications are completed and acked, and stops all workers cleanly. Gives the number
    /// of crashes.
    #[track_caller]
    pub fn finish(mut self, notifications: usize) -> usize {
        self.wait_for_rows(notifications, "completed_at IS NOT NULL AND acked_at IS NOT NULL");
        self.stop_all();
        self.crashes
    }

    /// The same where a worker or the broker ended or froze in the moment between an ack and its note: an ack that the
    /// broker knows is then never noted, and one that it does not know makes its message come once more. So does a
    /// message that was published twice.
    #[track_caller]
    pub fn finish_except_acks(mut self, notifications: usize) -> usize {
        self.wait_for_rows(notifications, "completed_at IS NOT NULL");
        loop {
            self.stop_all();
            if self.scenario.queue.depth() == 0 {
                return self.crashes;
            }
            self.running.push(Worker::start(self.scenario));
            self.wait_until("the queue to be empty", |workers| workers.scenario.queue.depth() == 0);
        }
    }

    fn wait_for_rows(&mut self, notifications: usize, such_that: &str) {
        self.wait_until(&format!("{notifications} notifications with {such_that}"), |workers| {
            workers.scenario.ledger.count(&format!("notifications WHERE {such_that}")) >= notifications
        });
    }

    fn stop_all(&mut self) {
        for worker in self.running.drain(..) {
            self.scenario.check_redacted(&worker.process.stop().err);
        }
    }
}

impl Worker {
    fn start(scenario: &Scenario) -> Self {
        let port = free_port();
        let mut environment = scenario.environment.clone();
        environment.insert("HTTP_ADDR".to_owned(), format!("127.0.0.1:{port}"));
        Self { process: Process::start(scenario.dir.path(), &environment, &["worker"]), port }
    }
}
