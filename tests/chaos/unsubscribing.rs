//! People unsubscribe while a fan-out runs and its worker is killed: whose page was not read yet gets no mail, and everybody else gets
//! one.

use crate::messages::{Ids, Way, of_event};
use crate::run::{LANES, Run};
use crate::wanted::Wanted;
use crate::workers::Workers;
use testkit::http::{form_request, status, try_send};
use testkit::scenario::builder::ScenarioBuilder;
use testkit::scenario::{EVENT, Scenario};
use testkit::smtp::gate::Point;
use testkit::system::System;

/// What mail programs post, and the buttons of the page.
const ONE_CLICK: &str = "List-Unsubscribe=One-Click";
const CHOICES: [&str; 3] = ["event", "kind", "all"];

/// Mails have links.
pub fn with_links(setup: ScenarioBuilder) -> ScenarioBuilder {
    setup
        .env("UNSUBSCRIBE_URL", "https://events.example.org/unsubscribe")
        .env("UNSUBSCRIBE_SECRET", "a-secret-of-a-scenario-that-is-long-enough")
}

/// Sends one notification, and returns the path of the link of each person.
pub fn send_links(scenario: &Scenario, workers: &mut Workers, places: &Wanted) -> Vec<String> {
    Way::Queue.send(scenario, &[of_event("UPDATED", EVENT, Ids::With)]);
    workers.wait_until("the links", |workers| workers.newest_is_acked(1));
    let mut paths = vec![String::new(); places.people.len()];
    scenario.smtp.read_log(|log| {
        for mail in &log.received {
            paths[places.place(&mail.recipient)] = mail.unsubscribe_path().unwrap();
        }
    });
    paths
}

/// The person at this place posts a form until it is answered with 200: a worker that was killed serves nothing for a moment.
#[track_caller]
pub fn press(workers: &mut Workers, path: &str, at: usize, form: &str) {
    // As a web server says it that passes requests on.
    let client = format!("X-Forwarded-For: 10.{}.{}.{}", at >> 16, at >> 8 & 0xff, at & 0xff);
    workers.wait_until("a link to be served", |workers| {
        let response = try_send(workers.address(0), &form_request(path, &client, form));
        let response = response.unwrap_or_default();
        let code = status(&response);
        assert!(["", "200", "429", "503"].contains(&code), "{response}");
        code == "200"
    });
}

/// People press links, and some take it back, while the relay holds the mails in flight; meanwhile the worker is killed.
pub fn killed(run: &mut Run, system: System) {
    let (people, rounds, presses) = (run.size(600, 6_000), run.size(3, 12), run.size(8, 40));
    let scenario = with_links(run.setup(system, people)).build();
    let mut workers = Workers::start(&scenario, 1);
    let mut wanted = Wanted::new(&scenario, 2);
    let paths = send_links(&scenario, &mut workers, &wanted);
    for round in 0..rounds {
        let first = run.random.usize(1..=people / rounds - presses - 4 * LANES);
        hold(run, &mut workers, first, |scenario| {
            if round == 0 {
                Way::Queue.send(scenario, &[of_event("UPDATED", EVENT, Ids::With)]);
            }
        });
        // The last one is certainly on a page that is not read.
        let mut who: Vec<usize> = if round == 0 { vec![people - 1] } else { Vec::new() };
        while who.len() < presses {
            let at = run.random.usize(..people);
            if wanted.is_new(at) && !who.contains(&at) {
                who.push(at);
            }
        }
        let kill = run.random.usize(..=presses);
        let (mut stopped, mut resumed) = (Vec::new(), Vec::new());
        for (number, at) in who.into_iter().enumerate() {
            if number == kill {
                kill_while_held(&mut workers);
            }
            let choice = run.random.choice(CHOICES).unwrap();
            let is_one_click = run.random.bool();
            let form = if is_one_click { ONE_CLICK } else { &format!("choice={choice}&do=stop") };
            press(&mut workers, &paths[at], at, form);
            if at != people - 1 && run.random.u8(..4) == 0 {
                let choice = if is_one_click { "event" } else { choice };
                press(&mut workers, &paths[at], at, &format!("choice={choice}&do=resume"));
                resumed.push(at);
            } else {
                stopped.push(at);
            }
        }
        if kill == presses {
            kill_while_held(&mut workers);
        }
        wanted.stop(stopped, false);
        wanted.stop(resumed, true);
    }
    scenario.smtp.gate().open();
    let crashes = workers.finish_except_acks(2);
    scenario.check_completed_except_acks();
    assert!(wanted.certainly_skipped() > 0, "everybody was on a page that was read");
    let (mails, duplicates) = wanted.check("unsubscribed", crashes * LANES);
    run.record_mails(people + mails, duplicates, crashes * LANES);
}

/// Lets the relay accept `first` further mails, and waits until it holds one of each lane, and all that it has accepted is recorded: a worker
/// that is killed then sends to nobody again who has unsubscribed since. What `begin` does, comes before any of the mails.
#[track_caller]
pub fn hold(run: &mut Run, workers: &mut Workers, first: usize, begin: impl FnOnce(&Scenario)) {
    let point = if run.random.bool() { Point::BeforeBody } else { Point::BeforeReply };
    let scenario = workers.scenario;
    let accepted = scenario.smtp.accepted() + first;
    scenario.smtp.gate().close_after(point, first);
    begin(scenario);
    workers.wait_until("the mails to be held", |_| {
        scenario.smtp.accepted() >= accepted
            && scenario.smtp.gate().held() == LANES
            && scenario.ledger.count("deliveries WHERE status IN ('sent', 'bounced')")
                == scenario.smtp.accepted_ids().len()
    });
}

/// Kills the worker while its mails are held, and waits until the relay knows that: else it could accept a mail of a dead worker when it lets
/// mails go on, and the next worker skip its recipient.
#[track_caller]
pub fn kill_while_held(workers: &mut Workers) {
    let smtp = &workers.scenario.smtp;
    let (ended, open) = smtp.read_log(|log| (log.connections - log.open, log.open));
    workers.kill(0);
    workers.wait_until("the connections to end", |_| {
        smtp.read_log(|log| log.connections - log.open) >= ended + open
    });
}
