//! `fanmail explain`: did Ada get it? One event whose participants have each another answer, and somebody whom nobody knows.

use serde_json::Value;

use testkit::scenario::Scenario;
use testkit::smtp::RecipientFault;
use testkit::smtp::gate::Point;

#[test]
fn one_command_says_what_became_of_the_mails_to_a_person() {
    let scenario = Scenario::with_relay("explain", 6)
        .connections(1)
        .env("MAX_RETRIES", "0")
        .env("DEFER_SCHEDULE", "1h")
        .build();
    let people = scenario.people();
    let address = |number: usize| people[number - 1].email.clone();
    scenario.smtp.fail_recipient(&address(2), RecipientFault::Rcpt("550 5.1.1 No such user"), 9);
    scenario.smtp.fail_recipient(&address(3), RecipientFault::Rcpt("450 4.2.2 Mailbox full"), 9);
    scenario.ledger.execute("UPDATE participants SET email = '' WHERE id = 4");
    scenario.run_ok(&["suppressions", "add", &address(5)]);
    let worker = scenario.worker();
    scenario.publish("CREATED");
    scenario.wait_for_acks(1);

    // The second notification is being sent, to those who took part when its message arrived.
    scenario.smtp.gate().close_after(Point::BeforeReply, 0);
    scenario.publish("UPDATED");
    scenario.wait_until_held(1);
    scenario.ledger.execute(
        "INSERT INTO participants (id, event_id, email, name) VALUES (99, 123, 'zoe@late.example', 'Zoe')",
    );

    let explain = |whom: &[&str]| scenario.run_ok(&[&["explain"], whom].concat());
    let sent = explain(&[&address(1).to_uppercase()]);
    let lines: Vec<&str> = sent.lines().collect();
    assert_eq!(lines[0], format!("{}: participant 1 of event 123", address(1).to_uppercase()), "{sent}");
    assert!(
        lines[2].starts_with("notification 2: UPDATED of event 123, received ")
            && lines[2].contains(", running, "),
        "{sent}"
    );
    assert!(lines[3].starts_with("    not yet: the notification is being sent"), "{sent}");
    let elsewhere = scenario.run(&["explain", &address(1), "--event", "124"]);
    assert!(elsewhere.code == Some(1) && elsewhere.out.contains("nobody in event 124"), "{elsewhere:?}");
    assert!(
        lines[5].starts_with("notification 1: CREATED of event 123, ") && lines[6].starts_with("    sent 20"),
        "{sent}"
    );
    assert!(lines[6].contains(", 1 attempt; the relay took it: 250 "), "{sent}");
    let undo = format!("to lift that: fanmail suppressions remove {}\n", address(5));
    for (whom, words) in [
        (
            vec![address(2)],
            vec![
                "    failed permanently ",
                "550 5.1.1 No such user",
                "fanmail retry --notification 1 --permanent-too",
            ],
        ),
        (vec![address(3)], vec!["    deferred 1 time, the next attempt is due ", "450 4.2.2 Mailbox full"]),
        (
            vec!["--participant".into(), "4".into()],
            vec![
                "participant 4: participant 4 of event 123, without an address\n",
                "skipped ",
                "had no address",
            ],
        ),
        (
            vec![address(5)],
            vec![
                "suppressed: no mail but cancellations (blocked, from command) since ",
                undo.as_str(),
                "the address is blocked by an operator",
            ],
        ),
        (
            vec!["zoe@late.example".into()],
            vec!["no mail: the person became a participant after the message had arrived"],
        ),
        (
            vec!["--participant".into(), "99".into(), "--event".into(), "123".into()],
            vec!["no mail: the person became"],
        ),
    ] {
        let text = explain(&whom.iter().map(String::as_str).collect::<Vec<_>>());
        for words in words {
            assert!(text.contains(words), "{words}\n{text}");
        }
    }
    let json = explain(&[&address(3), "--format", "json", "--limit", "1"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["notifications"][0]["outcome"], &json["older"]),
        (&"pending".into(), &1.into()),
        "{json}"
    );

    let nobody = scenario.run(&["explain", "nobody@example.org"]);
    assert!(nobody.code == Some(1) && nobody.out.starts_with("nobody@example.org: nobody. "), "{nobody:?}");
    for wrong in [&["explain"][..], &["explain", "a@b.example", "--participant", "1"]] {
        assert_eq!(scenario.run(wrong).code, Some(2), "{wrong:?}");
    }
    let no_address = scenario.run(&["explain", "Ada <ada@example.org>"]);
    assert!(
        no_address.code == Some(1) && no_address.err.contains("give the address alone"),
        "{no_address:?}"
    );
    scenario.smtp.gate().open();
    scenario.wait_for_acks(2);
    let log = worker.log();
    worker.stop();
    assert!(people.iter().all(|one| !log.contains(&one.email)), "{log}");
}

#[test]
fn recipients_of_a_notice_are_found_by_their_addresses() {
    let scenario = Scenario::with_relay("explain-notice", 0).connections(1).build();
    scenario.run_ok(&[
        "publish",
        "--notice",
        "Hello",
        "--to",
        "Ada <ada@example.org>",
        "--to",
        "bob@example.org",
    ]);
    let worker = scenario.worker();
    scenario.wait_for_acks(1);
    worker.stop();
    let text = scenario.run_ok(&["explain", "bob@example.org"]);
    assert!(
        text.starts_with("bob@example.org: no row of participants or users any more; what the ledger has\n"),
        "{text}"
    );
    assert!(
        text.contains("\nnotification 1: NOTICE, received ")
            && text.contains(", completed, participant 2\n    sent 20"),
        "{text}"
    );
}
