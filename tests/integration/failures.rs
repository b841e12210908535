//! Mails that failed or were skipped for good: what the log, `status` and `retry` say about them, and how people are reached once
//! their addresses are corrected.

use serde_json::Value;

use testkit::scenario::Scenario;
use testkit::smtp::RecipientFault;
use testkit::smtp::gate::Point;

const RETRY: [&str; 3] = ["retry", "--notification", "1"];
const PERMANENT_TOO: [&str; 4] = ["retry", "--notification", "1", "--permanent-too"];
const LANES: usize = 2;

#[test]
fn people_who_had_no_address_are_sent_once_when_they_have_one() {
    let scenario = Scenario::with_relay("no-address", 20).connections(LANES).build();
    scenario.ledger.execute("UPDATE participants SET email = '' WHERE id > 8");
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    worker.stop();
    let out = scenario.run_ok(&RETRY);
    assert!(out.contains("0 recipients to retry\n"), "{out}");
    assert!(out.contains("12 participants were skipped without an address; add the addresses"), "{out}");
    assert_eq!(scenario.smtp.accepted(), 8);

    scenario
        .ledger
        .execute("UPDATE participants SET email = 'q' || id || '@example.com' WHERE id IN (9, 10)");
    scenario.run_ok(&RETRY);
    assert_eq!(scenario.smtp.accepted(), 8, "only with --permanent-too");
    scenario.run_ok(&PERMANENT_TOO);
    assert_eq!(scenario.smtp.accepted(), 10);

    scenario
        .ledger
        .execute("UPDATE participants SET email = 'q' || id || '@example.com' WHERE id BETWEEN 9 AND 19");
    scenario.smtp.gate().close_after(Point::BeforeReply, 4);
    let retry = scenario.start(&PERMANENT_TOO);
    scenario.wait_until_held(LANES);
    retry.kill();
    let ended = scenario.run(&["status", "--format", "json"]);
    assert_eq!(ended.code, Some(1), "people are pending: {ended:?}");
    let line = serde_json::from_str::<Vec<Value>>(&ended.out).unwrap().remove(0);
    let number = |key: &str| line[key].as_u64().unwrap();
    assert!(number("pending") >= 2 && number("no_address") == 1, "{line}");
    assert_eq!(number("sent") + number("skipped") + number("pending"), 20, "{line}");
    scenario.smtp.gate().open();
    scenario.run_ok(&PERMANENT_TOO);
    scenario.run_ok(&PERMANENT_TOO);
    let line = scenario.status()[0].clone();
    assert_eq!((&line["sent"], &line["skipped"], &line["pending"]), (&19.into(), &1.into(), &0.into()));
    let mails: usize = scenario.smtp.delivered_ids().values().sum();
    assert_eq!(mails - scenario.duplicates(), 19);
    assert!(scenario.duplicates() <= LANES, "those in flight at the kill");
}

#[test]
fn the_log_and_retry_say_what_can_be_done_about_permanent_failures() {
    let scenario = Scenario::with_relay("permanent", 5).connections(LANES).build();
    scenario.ledger.execute("UPDATE participants SET email = 'no address' WHERE id = 3");
    let address = scenario.people()[1].email.clone();
    scenario.smtp.fail_recipient(&address, RecipientFault::Rcpt("550 No such user"), 1);
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    let log = worker.log();
    let advice = "2 failed, 0 skipped";
    assert!(log.contains(advice), "{log}");
    assert!(
        log.contains("all failures are permanent: correct the addresses, then send with: fanmail retry"),
        "{log}"
    );
    worker.stop();
    let text = scenario.run_ok(&["failures"]);
    assert!(text.starts_with("2 mails did not arrive, for 2 reasons\n"), "{text}");
    assert!(text.contains("\n1 permanent: 550 No such user\n    in notification 1\n"), "{text}");
    assert_eq!(
        scenario.run_ok(&["failures", "--code", "432"]),
        "No mail has failed, come back or been deferred with the code 432.\n"
    );
    assert!(text.contains("***@") && !text.contains(&address), "{text}");
    let list = scenario.run_ok(&["failures", "--event", "123", "--addresses"]);
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines.len(), 3, "{list}");
    assert!(
        lines[1].contains(&address) && lines[1].ends_with("permanent         1  550 No such user"),
        "{list}"
    );
    assert!(lines[2].contains("no address") && lines[2].contains("permanent         0  "), "{list}");
    let of_code = scenario.run_ok(&["failures", "--code", "550", "--format", "json"]);
    let groups: Vec<Value> = serde_json::from_str(&of_code).unwrap();
    assert_eq!((groups.len(), &groups[0]["examples"][0]["participant"]), (1, &2.into()), "{of_code}");
    let none = scenario.run(&["failures", "--notification", "7"]);
    assert!(none.code == Some(1) && none.err.contains("there is no notification 7"), "{none:?}");
    assert_eq!(scenario.run(&["failures", "--code", "999"]).code, Some(2));
    let out = scenario.run_ok(&RETRY);
    assert!(out.contains("2 failures are permanent; correct the addresses"), "{out}");
    scenario.ledger.execute("UPDATE participants SET email = 'q@example.com' WHERE id = 3");
    scenario.run_ok(&PERMANENT_TOO);
    scenario.check_completed();
    assert_eq!(scenario.duplicates(), 0);
}
