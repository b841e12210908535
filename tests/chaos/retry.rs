//! `fanmail retry` is killed or stopped at random moments, and started again at once.

use std::time::Duration;

use crate::run::Run;
use crate::workers::Workers;
use testkit::smtp::RecipientFault;
use testkit::system::System;
use testkit::wait::wait_for;

/// Some are killed, and some get SIGTERM.
pub fn killed_and_stopped(run: &mut Run, system: System) {
    let (people, faults) = (run.size(300, 3_000), run.size(4, 20));
    let setup = run.setup(system, people).env("MAX_RETRIES", "0").env("DEFER_SCHEDULE", "off");
    let scenario = setup.env("LEASE_TIMEOUT", "3600").build();
    for person in scenario.people() {
        scenario.smtp.fail_recipient(&person.email, RecipientFault::Rcpt("450 4.2.1 Busy"), 1);
    }
    scenario.publish("UPDATED");
    assert_eq!(Workers::start(&scenario, 1).finish(1), 0);
    assert_eq!(scenario.ledger.outcomes("failed"), people);
    let mut kills = 0;
    for moment in run.moments(faults, people * 3 / 4) {
        let mut retry = scenario.start(&["retry", "--notification", "1"]);
        wait_for("its mails", Duration::from_secs(60), || {
            let ended = !retry.is_running();
            assert!(!ended || scenario.smtp.accepted() >= moment.mails, "{}", retry.log());
            (ended || scenario.smtp.accepted() >= moment.mails).then_some(())
        });
        if run.random.bool() {
            scenario.check_redacted(&retry.kill());
            kills += 1;
        } else {
            retry.terminate();
            scenario.check_redacted(&retry.wait().err);
        }
    }
    scenario.run_ok(&["retry", "--notification", "1"]);
    assert_eq!(scenario.ledger.count("notifications WHERE lease_owner IS NOT NULL"), 0);
    run.check_except_acks(&scenario, 1, kills);
}
