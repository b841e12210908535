//! The log at each level, `/healthz`, `/metrics` and `fanmail check` contain no password and no address, whatever a
//! relay, a publisher or the data put into them.

use amiquip::AmqpProperties;
use openssl::base64::encode_block;

use testkit::broker;
use testkit::http::get_from_worker;
use testkit::scenario::{EVENT, RELAY_PASSWORD, RELAY_USER, Scenario};
use testkit::smtp::step_fault::{Step, StepFault};
use testkit::smtp::{Capabilities, RecipientFault, SmtpServer};
use testkit::wait::wait_until;

/// The local part of an address that the relay quotes in each of its replies.
const NAME: &str = "Penelope.O'Featherstonehaugh";

/// All that must not be seen: the passwords in each encoding, and the local part of each address.
fn secrets(scenario: &Scenario) -> Vec<String> {
    let login = format!("\0{RELAY_USER}\0{RELAY_PASSWORD}");
    let mut secrets: Vec<String> =
        [RELAY_PASSWORD.as_bytes(), broker::PASSWORD.as_bytes(), login.as_bytes()].map(encode_block).into();
    secrets.extend([RELAY_PASSWORD, broker::PASSWORD].map(str::to_owned));
    let addresses = scenario.ledger.addresses();
    secrets.extend(addresses.iter().map(|address| address.split('@').next().unwrap().to_lowercase()));
    assert!(secrets.contains(&NAME.to_lowercase()) && secrets.len() > 60);
    secrets
}

#[track_caller]
fn check_redacted(secrets: &[String], text: &str) {
    let lowered = text.to_lowercase();
    for secret in secrets {
        assert!(!lowered.contains(&secret.to_lowercase()), "{secret} is in:\n{text}");
    }
}

fn leak(text: String) -> &'static str {
    text.leak()
}

/// A fan-out with a relay, publishers and participants that put addresses and passwords wherever they can.
fn check_all_output(level: &str, format: &str) {
    let offer = Capabilities {
        credentials: Some((RELAY_USER.to_owned(), RELAY_PASSWORD.to_owned())),
        ..Capabilities::default()
    };
    let scenario = Scenario::builder("check_redacted")
        .relay(SmtpServer::with_capabilities(offer))
        .participants(60)
        .connections(2)
        .env("SMTP_USERNAME", RELAY_USER)
        .env("SMTP_PASSWORD", RELAY_PASSWORD)
        .env("LOG_LEVEL", level)
        .env("LOG_FORMAT", format)
        .env("DATABASE_ECHO", "True")
        .env("HTTP_ADDR", "127.0.0.1:0")
        .env("MAX_RETRIES", "1")
        .env("DEFER_SCHEDULE", "off")
        .env("RETRY_DELAY", "0.1")
        .build();
    let email = format!("{NAME}@example.com");
    let people = scenario.people();
    let quoted = email.replace('\'', "''");
    scenario
        .ledger
        .execute(&format!("UPDATE participants SET email = '{quoted}' WHERE id = {}", people[0].id));
    let secrets = secrets(&scenario);

    // Replies of the relay about a recipient, each in another form.
    let upper = email.to_uppercase();
    let encoded = people[1].email.replace('@', "%40");
    let (local, domain) = people[2].email.split_once('@').unwrap();
    for (email, fault) in [
        (
            &email,
            RecipientFault::Rcpt(leak(format!(
                "550-5.1.1 <{email}>\r\n550 5.1.1 {upper}: no such user '{email}'"
            ))),
        ),
        (
            &people[1].email,
            RecipientFault::Dot(leak(format!("554 5.7.1 see https://relay.test/why?rcpt={encoded}&x=1"))),
        ),
        (
            &people[2].email,
            RecipientFault::Rcpt(leak(format!("450 4.2.1 \"{local}\"@{domain} is over quota"))),
        ),
        (&people[3].email, RecipientFault::Rcpt(leak(format!("552 5.2.2 {},{email}", people[3].email)))),
        (&people[4].email, RecipientFault::Dot(leak(format!("451 4.3.0\t[{}]\u{1b}[2J", people[4].email)))),
    ] {
        scenario.smtp.fail_recipient(email, fault, usize::MAX);
    }
    // Replies about the connection: the login that it did not understand, and a customer that it blocks.
    let login = encode_block(format!("\0{RELAY_USER}\0{RELAY_PASSWORD}").as_bytes());
    let refusal = format!("500 5.5.1 \"AUTH PLAIN {login}\" ({RELAY_PASSWORD})? Ask {email}");
    scenario.smtp.configure(|settings| settings.auth_refusal = Some(refusal));
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    worker.wait_for_log("the relay does not work");
    check_redacted(&secrets, &get_from_worker(&worker, "/healthz"));
    let check = scenario.run(&["check"]);
    assert!(check.out.contains("500 5.5.1") && check.code == Some(1), "{}", check.out);
    check_redacted(&secrets, &format!("{}{}", check.out, check.err));

    scenario.smtp.fail_step(Step::Greeting, StepFault::Say(leak(format!("554 no, {email}")).as_bytes()), 1);
    scenario.smtp.fail_step(Step::Mail, StepFault::HangUp(leak(format!("421 not from {email}"))), 1);
    scenario.smtp.configure(|settings| settings.auth_refusal = None);
    scenario.wait_for_acks(1);

    // A publisher that puts an address into each field.
    let properties = AmqpProperties::default().with_message_id(email.clone());
    for body in [
        format!(r#"{{"type":"{email}","event_id":{EVENT}}}"#),
        format!(r#"{{"type":"UPDATED","event_id":"{email}"}}"#),
        email.clone(),
    ] {
        scenario.queue.publish_raw(body.as_bytes(), properties.clone());
    }
    wait_until("the dead letters", || scenario.queue.dead_depth() == 3);
    check_redacted(&secrets, &get_from_worker(&worker, "/healthz"));
    check_redacted(&secrets, &get_from_worker(&worker, "/metrics"));

    let counts = ["sent", "failed"].map(|status| scenario.ledger.outcomes(status));
    assert_eq!(counts, [55, 5]);
    for row in scenario.ledger.deliveries() {
        check_redacted(&secrets, row.detail.as_deref().unwrap_or_default());
    }
    let log = worker.stop().err;
    assert!(log.contains("P***@example.com"), "nobody was mentioned:\n{log}");
    assert!(log.contains("moved to"), "no dead letter was logged:\n{log}");
    check_redacted(&secrets, &log);
    scenario.check_completed();
}

#[test]
fn the_text_log_contains_no_secret_even_at_debug() {
    check_all_output("DEBUG", "text");
}

#[test]
fn the_json_log_contains_no_secret() {
    check_all_output("INFO", "json");
}
