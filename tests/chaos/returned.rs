//! Bounces come back in the middle of fan-outs, and both the worker and the command that reads them are killed: each bounce counts once, and
//! whoever is on a page that is not read yet gets no further mail.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use crate::messages::{Ids, Way, of_event};
use crate::run::{LANES, Run};
use crate::unsubscribing::{hold, kill_while_held};
use crate::wanted::Wanted;
use crate::workers::Workers;
use testkit::bounce::dsn;
use testkit::scenario::{DOMAIN, EVENT, Scenario};
use testkit::smtp::log::{BodyReply, ReceivedMail};
use testkit::system::System;

/// A Maildir of mails that came back.
pub struct Returned<'scenario> {
    scenario: &'scenario Scenario,
    folder: PathBuf,
    count: usize,
}

impl<'scenario> Returned<'scenario> {
    /// An empty one.
    pub fn new(scenario: &'scenario Scenario) -> Self {
        let folder = scenario.path("Maildir");
        for name in ["new", "cur"] {
            fs::create_dir_all(folder.join(name)).unwrap();
        }
        Self { scenario, folder, count: 0 }
    }

    /// A mail comes back to this envelope sender.
    pub fn add(&mut self, sender: &str) {
        let file = self.folder.join("new").join(format!("{:06}", self.count));
        self.count += 1;
        fs::write(file, dsn(sender, "5.1.1")).unwrap();
    }

    /// Mails that are not taken yet.
    fn new_mails(&self) -> usize {
        fs::read_dir(self.folder.join("new")).unwrap().count()
    }

    /// Runs `fanmail bounces` to its end.
    pub fn read(&self) {
        self.scenario.run_ok(&["bounces", "--maildir", self.folder.to_str().unwrap()]);
    }

    /// Kills the command when `recorded` outcomes have bounced, unless it is done before.
    fn read_until_killed(&self, workers: &mut Workers, recorded: usize) {
        let mut reader = self.scenario.start(&["bounces", "--maildir", self.folder.to_str().unwrap()]);
        let scenario = self.scenario;
        workers.wait_until("some bounces to be recorded", |_| {
            !reader.is_running() || scenario.ledger.outcomes("bounced") >= recorded
        });
        scenario.check_redacted(&reader.kill());
    }
}

/// The senders of mails that have reached the relay, by the place of their recipient.
fn senders(wanted: &Wanted, scenario: &Scenario) -> BTreeMap<usize, String> {
    scenario.smtp.read_log(|log| {
        let is_there = |mail: &&ReceivedMail| mail.answer != BodyReply::Refused;
        let mails = log.received.iter().filter(is_there);
        mails.map(|mail| (wanted.place(&mail.recipient), mail.sender.clone())).collect()
    })
}

/// Two notifications for the same people. Mails of both come back.
pub fn killed(run: &mut Run, system: System) {
    let (people, rounds, reports) = (run.size(600, 6_000), run.size(4, 16), run.size(10, 100));
    let setup = run.setup(system, people).env("BOUNCE_ADDRESS", &format!("bounces@{DOMAIN}"));
    let scenario = setup.build();
    let mut workers = Workers::start(&scenario, 1);
    let (first, mut second) = (Wanted::new(&scenario, 1), Wanted::new(&scenario, 2));
    let mut returned = Returned::new(&scenario);
    let mut chosen: BTreeSet<usize> = BTreeSet::new();
    for round in 0..rounds {
        let mails = run.random.usize(1..=2 * people / rounds - reports - 4 * LANES);
        hold(run, &mut workers, mails, |scenario| {
            if round == 0 {
                Way::Queue.send(scenario, &[(); 2].map(|()| of_event("UPDATED", EVENT, Ids::With)));
            }
        });
        let mut there = senders(&second, &scenario);
        there.retain(|at, _| !chosen.contains(at));
        let count = reports.min(there.len());
        for (at, sender) in run.random.choose_multiple(there, count) {
            returned.add(&sender);
            chosen.insert(at);
        }
        let kill_first = run.random.bool();
        if kill_first {
            kill_while_held(&mut workers);
        }
        let recorded = scenario.ledger.outcomes("bounced") + run.random.usize(..=count);
        returned.read_until_killed(&mut workers, recorded);
        if !kill_first {
            kill_while_held(&mut workers);
        }
        returned.read();
        let bounced = scenario.ledger.deliveries().into_iter().filter(|row| row.status == "bounced");
        let places: Vec<usize> = bounced.map(|row| second.place(&row.email.unwrap())).collect();
        second.stop(places.into_iter().filter(|at| second.is_new(*at)).collect::<Vec<_>>(), false);
    }
    scenario.smtp.gate().open();
    let crashes = workers.finish_except_acks(2);
    // Those that came before the worker knew that their mail was sent.
    returned.read();
    assert_eq!(returned.new_mails(), 0);
    scenario.check_completed_except_acks();
    // A command that is killed behind the record of a bounce has not counted it, and the next one counts it as repeated.
    let (least, most) = (chosen.len() - rounds, chosen.len());
    let counted = format!("bounce_counts WHERE result = 'bounced' AND number BETWEEN {least} AND {most}");
    assert_eq!(scenario.ledger.count(&counted), 1, "each bounce counts once");
    assert_eq!(scenario.ledger.outcomes("bounced"), chosen.len());
    assert_eq!(scenario.ledger.count("suppressions WHERE reason = 'bounced'"), chosen.len());
    let bound = crashes * LANES;
    let (mails, duplicates) = first.check("bounced", bound);
    assert_eq!(mails, people, "everybody gets the first mail");
    let (more, repeated) = second.check("bounced", bound);
    assert!(duplicates + repeated <= bound, "{duplicates} + {repeated} duplicates, and the bound is {bound}");
    assert!(second.certainly_skipped() > 0, "everybody was on a page that was read");
    run.record_mails(mails + more, duplicates + repeated, bound);
}
