//! A relay that refuses everyone for reasons of its own, and one that refuses a few people: nobody is failed for the
//! relay's sake, and whom the relay refuses for good fails alone.

use std::time::{Duration, Instant};

use super::metric;
use testkit::http::get_from_worker;
use testkit::scenario::{EVENT, Scenario};
use testkit::smtp::RecipientFault;
use testkit::smtp::policy::Policy;
use testkit::smtp::step_fault::Step;
use testkit::wait::wait_until;

/// Logged when the breaker opens, and when it closes.
const REFUSES: &str = "the relay refuses everyone";
const ACCEPTS: &str = "the relay accepts mails again";

const FOR_EVER: Duration = Duration::from_secs(86_400);

/// Everyone gets this reply until the breaker is open; `/healthz`, `status` and the log have the words and the advice.
#[track_caller]
fn everyone_is_refused(name: &str, step: Step, reply: &'static str, advice: &str) {
    let scenario = Scenario::with_relay(name, 100)
        .connections(4)
        .env("RETRY_DELAY", "0.1")
        .env("LEASE_TIMEOUT", "1")
        .env("HTTP_ADDR", "127.0.0.1:0")
        .build();
    scenario.smtp.add_policy(Policy::everyone(step, reply, FOR_EVER));
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    worker.wait_for_log(REFUSES);
    let health = get_from_worker(&worker, "/healthz");
    assert!(
        health.starts_with("HTTP/1.1 503 ") && health.contains("relay: refuses everyone since "),
        "{health}"
    );
    assert!(health.contains(&reply[..20]) && health.contains(advice), "{health}");
    assert!(worker.log().contains(advice), "{}", worker.log());
    assert_eq!(metric(&worker, "fanmail_breaker_open"), 1);
    wait_until("status to show it", || {
        let text = scenario.status_text();
        text.contains("relay: refuses everyone since ") && text.contains(advice)
    });
    // Probes go on, and each is another mail. Nobody is charged for them.
    let asked = scenario.smtp.log().refusals.len();
    wait_until("two probes", || scenario.smtp.log().refusals.len() >= asked + 2);
    assert_eq!((scenario.ledger.count("deliveries"), scenario.ledger.count("deferrals")), (0, 0));
    assert_eq!((scenario.ledger.completed(), worker.log().matches(REFUSES).count()), (0, 1));

    scenario.smtp.clear_policies();
    worker.wait_for_log(ACCEPTS);
    scenario.wait_for_acks(1);
    assert_eq!((scenario.ledger.outcomes("sent"), scenario.duplicates()), (100, 0));
    assert!(get_from_worker(&worker, "/healthz").starts_with("HTTP/1.1 200 "));
    assert_eq!(metric(&worker, "fanmail_breaker_open"), 0);
    scenario.stop_and_check(worker);
}

#[test]
fn relaying_is_denied_to_everyone() {
    let reply = "554 5.7.1 Relay access denied";
    everyone_is_refused("wide-554", Step::Rcpt, reply, "SMTP_USERNAME");
}

#[test]
fn the_sender_is_refused_at_each_rcpt() {
    let reply = "553 5.7.1 Sender address rejected: not owned by user u";
    everyone_is_refused("wide-553", Step::Rcpt, reply, "FROM_EMAIL");
}

#[test]
fn a_look_up_fails_for_everyone() {
    let reply = "451 4.3.0 Temporary lookup failure";
    everyone_is_refused("wide-451", Step::Rcpt, reply, "documentation of the relay");
}

#[test]
fn the_quota_is_used_up_for_everyone() {
    let reply = "552 You are over your relay quota of 500 messages";
    everyone_is_refused("wide-552", Step::Dot, reply, "quota");
}

/// Too few people to know that everyone is refused: they are deferred, and get their mails later.
#[test]
fn three_people_behind_a_relay_that_refuses_everyone_are_deferred() {
    let scenario = Scenario::with_relay("wide-three", 3)
        .env("RETRY_DELAY", "0.1")
        .env("MAX_RETRIES", "2")
        .env("DEFER_SCHEDULE", "1s 1s 1s 1s 1s 1s 1s 1s 1s 1s")
        .build();
    let reply = "554 5.7.1 Relay access denied";
    scenario.smtp.add_policy(Policy::everyone(Step::Rcpt, reply, FOR_EVER));
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    assert_eq!((scenario.ledger.count("deliveries"), scenario.ledger.count("deferrals")), (0, 3));
    scenario.smtp.clear_policies();
    scenario.wait_for_deferrals();
    assert_eq!((scenario.ledger.outcomes("sent"), scenario.duplicates()), (3, 0));
    scenario.stop_and_check(worker);
}

/// One small notification after the other, each for one person: together they show that the relay refuses everyone.
#[test]
fn many_small_notifications_show_that_everyone_is_refused() {
    let scenario = Scenario::with_relay("wide-small", 1)
        .env("RETRY_DELAY", "0.1")
        .env("MAX_RETRIES", "0")
        .env("HTTP_ADDR", "127.0.0.1:0")
        .env("DEFER_SCHEDULE", "1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s")
        .build();
    let first = scenario.ledger.add_small_events(30);
    let reply = "550 5.7.1 Your account is blocked";
    scenario.smtp.add_policy(Policy::everyone(Step::Rcpt, reply, FOR_EVER));
    let worker = scenario.worker();
    for event in first..first + 30 {
        scenario.queue.publish("UPDATED", event, None);
    }
    worker.wait_for_log(REFUSES);
    assert!(get_from_worker(&worker, "/healthz").contains(reply));
    scenario.smtp.clear_policies();
    scenario.wait_for_acks(30);
    scenario.wait_for_deferrals();
    assert_eq!((scenario.ledger.outcomes("sent"), scenario.duplicates()), (30, 0));
    scenario.stop_and_check(worker);
}

/// Refused a second time, after the relay has accepted mails to others: the refusal is about this person.
#[test]
fn one_person_who_is_refused_for_good_fails_alone_and_soon() {
    let scenario = Scenario::with_relay("wide-one", 600).connections(2).env("RETRY_DELAY", "60").build();
    scenario.smtp.configure(|settings| settings.reply_delay = Duration::from_millis(20));
    let person = scenario.people()[20].clone();
    let reply = "554 5.7.1 Your message was blocked by the policy of the recipient";
    scenario.smtp.fail_recipient(&person.email, RecipientFault::Rcpt(reply), usize::MAX);
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    wait_until("the failure", || scenario.ledger.outcomes("failed") == 1);
    let sent = scenario.ledger.outcomes("sent");
    assert!(sent < 400, "{sent} of 599 were sent before");
    scenario.wait_for_acks(1);
    let rows = scenario.ledger.deliveries();
    let row = rows.iter().find(|row| row.participant_id == person.id).unwrap();
    assert_eq!((row.status.as_str(), row.attempts, row.smtp_code), ("failed", 2, Some(554)));
    assert_eq!(scenario.ledger.count("deliveries WHERE status = 'failed' AND permanent"), 1);
    assert_eq!(scenario.ledger.count("deliveries WHERE status = 'sent' AND attempts = 1"), 599);
    assert!(!worker.log().contains(REFUSES));
    scenario.stop_and_check(worker);
}

/// The first people of the list have addresses of a domain that the relay refuses: the others get their mails soon, and these
/// fail, each alone.
#[test]
fn a_domain_that_is_refused_for_good_holds_up_nobody() {
    let scenario = Scenario::with_relay("wide-domain", 300).connections(4).env("RETRY_DELAY", "60").build();
    let first = &scenario.people()[..60];
    for (n, person) in first.iter().enumerate() {
        let address = format!("p{n}@refused.example");
        scenario
            .ledger
            .execute(&format!("UPDATE participants SET email = '{address}' WHERE id = {}", person.id));
        let reply = "554 5.7.1 Relaying to this domain is not allowed";
        scenario.smtp.fail_recipient(&address, RecipientFault::Rcpt(reply), usize::MAX);
    }
    let worker = scenario.worker();
    let start = Instant::now();
    scenario.publish("UPDATED");
    wait_until("the others", || scenario.ledger.outcomes("sent") == 240);
    let took = start.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}");
    worker.wait_for_log(ACCEPTS);
    assert_eq!(scenario.ledger.count("deliveries WHERE status = 'failed' AND NOT permanent"), 0);
    worker.stop();
}

/// Nine of ten addresses do not exist, which is about them and not about us: each is asked once, at full speed.
#[test]
fn a_list_of_dead_addresses_is_worked_through_at_full_speed() {
    let scenario = Scenario::with_relay("wide-dead", 1_000).env("RETRY_DELAY", "60").build();
    for (n, person) in scenario.people().iter().enumerate() {
        if n % 10 != 0 {
            let reply = RecipientFault::Rcpt("550 5.1.1 Recipient address rejected: User unknown");
            scenario.smtp.fail_recipient(&person.email, reply, usize::MAX);
        }
    }
    let worker = scenario.worker();
    let start = Instant::now();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    let took = start.elapsed();
    assert!(took < Duration::from_secs(15), "{took:?}");
    assert_eq!(scenario.ledger.count("deliveries WHERE status = 'sent' AND attempts = 1"), 100);
    assert_eq!(
        scenario.ledger.count("deliveries WHERE status = 'failed' AND permanent AND attempts = 1"),
        900
    );
    assert!(!worker.log().contains(REFUSES));
    scenario.stop_and_check(worker);
}

/// While everyone is refused, a relay that is down as well is still the same outage.
#[test]
fn a_relay_that_refuses_everyone_and_then_goes_down() {
    let scenario = Scenario::with_relay("wide-down", 60)
        .env("RETRY_DELAY", "0.1")
        .env("HTTP_ADDR", "127.0.0.1:0")
        .build();
    scenario.smtp.add_policy(Policy::everyone(Step::Rcpt, "554 5.7.1 Relay access denied", FOR_EVER));
    let worker = scenario.worker();
    scenario.queue.publish("UPDATED", EVENT, None);
    worker.wait_for_log(REFUSES);
    scenario.smtp.go_down();
    wait_until("a probe that cannot connect", || {
        get_from_worker(&worker, "/healthz").contains("relay: down since ")
    });
    scenario.smtp.clear_policies();
    scenario.smtp.come_up();
    worker.wait_for_log(ACCEPTS);
    scenario.wait_for_acks(1);
    assert_eq!((scenario.ledger.outcomes("sent"), scenario.duplicates()), (60, 0));
    scenario.stop_and_check(worker);
}
