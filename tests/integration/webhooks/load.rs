//! Many events in one request, and forged requests without end beside sending.

use std::sync::atomic::Ordering;
use std::time::Instant;

use serde_json::{Value, json};
use testkit::clients::beside;
use testkit::wait::wait_until;

use crate::webhooks::{
    MAILGUN, mailgun_body, mailgun_failure, new_key, now, outcomes, post, sendgrid_event, sent, suppressed,
    with_webhooks,
};

#[test]
fn a_thousand_events_come_in_one_request() {
    let people = 1000;
    let key = new_key();
    let scenario = with_webhooks("webhooks-thousand", people, &key).build();
    let (_worker, providers, mails) = sent(&scenario, key);
    let unknown = json!({"type": "bounce", "status": "5.1.1", "reason": "550 5.1.1 unknown"});
    let events: Vec<Value> = mails.iter().map(|mail| sendgrid_event("bounce", mail, &unknown)).collect();
    let events = Value::from(events);
    let began = Instant::now();
    // A slow machine gives the first attempt up: the next one finds what is recorded.
    wait_until("all of them to be taken", || providers.sendgrid(&events) == "200");
    println!("1000 events took {:?}", began.elapsed());
    assert_eq!((outcomes(&scenario, "bounced", "5.1.1"), suppressed(&scenario, "bounced")), (people, people));
}

/// Forged requests, and true ones about a mail that is known, while a fan-out runs.
#[test]
fn a_flood_of_requests_holds_up_no_mail() {
    let key = new_key();
    let scenario = with_webhooks("webhooks-flood", 400, &key).connections(4).build();
    let (_worker, providers, mails) = sent(&scenario, key);
    let address = providers.address;
    let event = mailgun_failure(&mails[0], 552, "5.2.2 mailbox full");
    let long = format!("[{}0]", "0,".repeat(100_000));
    let (event, long) = (&event, &long);
    let clients = (0..4).map(|number| {
        move || {
            let status = match number {
                0 => {
                    let token = uuid::Uuid::now_v7().to_string();
                    post(address, "mailgun", "", &mailgun_body(MAILGUN, now(), &token, event))
                }
                1 => post(address, "mailgun", "", &mailgun_body("forged", now(), "token", event)),
                2 => post(address, "sendgrid", "", long),
                _ => post(address, "postmark", "", long),
            };
            assert!(["200", "400", "401", "403", "503"].contains(&status.as_str()), "{status}");
        }
    });
    beside(clients, |requests| {
        wait_until("requests", || requests.load(Ordering::Relaxed) > 200);
        scenario.publish("UPDATED");
        scenario.wait_for_acks(2);
    });
    assert_eq!(scenario.ledger.count("deliveries WHERE notification_id = 2 AND status = 'sent'"), 400);
    assert_eq!(outcomes(&scenario, "bounced", "5.2.2"), 1);
    scenario.check_completed();
}
