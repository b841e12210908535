//! Whom mails reach on a system for tests: one address, some domains, or nobody.

use testkit::scenario::Scenario;

/// One participant of two has an address in the allowed domain.
fn with_domains(scenario: &Scenario) {
    scenario.ledger.execute(
        "UPDATE participants SET email = 'ada@allowed.example' WHERE id = (SELECT MIN(id) FROM participants);
         UPDATE participants SET email = 'bob@other.example' WHERE id = (SELECT MAX(id) FROM participants)",
    );
}

#[test]
fn redirected_mails_go_to_one_address_and_people_are_told() {
    let scenario = Scenario::with_relay("redirect", 2).env("EMAIL_REDIRECT_TO", "me@example.net").build();
    with_domains(&scenario);
    let worker = scenario.worker();
    scenario.publish("CREATED");
    scenario.wait_for_acks(1);
    let note = "note: recipients: every mail goes to m***@example.net (EMAIL_REDIRECT_TO), and none to its recipient";
    let status = scenario.run_ok(&["status"]);
    assert!(status.contains(note), "{status}");
    let check = scenario.run(&["check"]);
    assert!(check.out.contains("every mail goes to me@example.net (EMAIL_REDIRECT_TO)"), "{check:?}");
    let ended = worker.stop();
    assert!(
        ended.err.contains("WARN") && ended.err.contains("every mail goes to m***@example.net"),
        "{ended:?}"
    );

    let log = scenario.smtp.log();
    let recipients: Vec<&str> = log.received.iter().map(|mail| mail.recipient.as_str()).collect();
    assert_eq!(recipients, ["me@example.net"; 2]);
    for address in ["ada@allowed.example", "bob@other.example"] {
        let header = format!("\r\nX-Original-Recipient: {address}\r\n");
        let told = |raw: &[u8]| String::from_utf8_lossy(raw).contains(&header);
        assert_eq!(log.received.iter().filter(|mail| told(&mail.raw)).count(), 1, "{address}");
    }
}

#[test]
fn people_outside_the_allowed_domains_are_skipped() {
    let scenario =
        Scenario::with_relay("allowed", 2).env("EMAIL_ALLOW_DOMAINS", "example.net, Allowed.example").build();
    with_domains(&scenario);
    let worker = scenario.worker();
    scenario.publish("CREATED");
    scenario.wait_for_acks(1);
    scenario.stop_and_check(worker);
    assert_eq!(scenario.ledger.count("deliveries WHERE status = 'sent'"), 1);
    let skipped = "deliveries WHERE status = 'skipped' AND detail = 'not in EMAIL_ALLOW_DOMAINS'";
    assert_eq!(scenario.ledger.count(skipped), 1);
    let preview = scenario.run_ok(&["preview", "--type", "CREATED", "--event", "123"]);
    assert!(preview.contains("\nTo: ") && preview.contains("ada@allowed.example"), "{preview}");
}

#[test]
fn a_dry_run_of_a_configured_worker_sends_nothing() {
    let scenario = Scenario::with_relay("dry-run-flag", 2).build();
    let worker = scenario.start(&["worker", "--dry-run"]);
    scenario.publish("CREATED");
    scenario.wait_for_acks(1);
    let status = scenario.run_ok(&["status"]);
    assert!(status.contains("note: recipients: dry-run mode"), "{status}");
    let ended = worker.stop();
    assert!(ended.err.contains("NO MAIL IS SENT"), "{ended:?}");
    assert_eq!(scenario.smtp.log().connections, 0);
    assert_eq!(scenario.status()[0]["dry_run"].as_u64(), Some(2));
}
