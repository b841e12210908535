//! Reports that mail providers post: what each of them becomes in the ledger, and who is refused. The signatures are real.

use std::net::SocketAddr;

use openssl::base64::encode_block;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;
use serde_json::{Value, json};
use testkit::http::{address_of, get_from_worker, send, status};
use testkit::process::Process;
use testkit::scenario::Scenario;
use testkit::scenario::builder::ScenarioBuilder;
use testkit::smtp::log::ReceivedMail;
use testkit::system::System;

use crate::systems::on_every_system;

mod amazon;
mod load;
mod refusals;

on_every_system!(what_providers_report_is_recorded_once);

const POSTMARK: &str = "a-password-of-a-test-for-postmark";
const MAILGUN: &str = "key-of-a-test-for-mailgun";

/// What providers sign with, and where a worker listens.
struct Providers {
    address: SocketAddr,
    sendgrid: PKey<Private>,
}

/// A key of SendGrid.
fn new_key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn with_webhooks(name: &str, participants: usize, sendgrid: &PKey<Private>) -> ScenarioBuilder {
    Scenario::with_relay(name, participants)
        .env("HTTP_ADDR", "127.0.0.1:0")
        .env("WEBHOOK_POSTMARK_SECRET", POSTMARK)
        .env("WEBHOOK_MAILGUN_KEY", &format!("another-key {MAILGUN}"))
        .env("WEBHOOK_SENDGRID_KEY", &encode_block(&sendgrid.public_key_to_der().unwrap()))
}

/// A worker that has sent one mail to each participant, and these mails.
fn sent(scenario: &Scenario, sendgrid: PKey<Private>) -> (Process, Providers, Vec<ReceivedMail>) {
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    let providers = Providers { address: address_of(&worker), sendgrid };
    (worker, providers, scenario.smtp.log().received)
}

fn now() -> i64 {
    chrono::Utc::now().timestamp()
}

/// The status code of the response.
fn post(address: SocketAddr, provider: &str, head: &str, body: &str) -> String {
    let length = body.len();
    let request =
        format!("POST /webhooks/{provider} HTTP/1.1\r\n{head}Content-Length: {length}\r\n\r\n{body}");
    status(&send(address, &request)).to_owned()
}

impl Providers {
    fn postmark(&self, record: &Value) -> String {
        let login = encode_block(format!("postmark:{POSTMARK}").as_bytes());
        post(self.address, "postmark", &format!("Authorization: Basic {login}\r\n"), &record.to_string())
    }

    fn sendgrid(&self, events: &Value) -> String {
        let (time, body) = (now().to_string(), events.to_string());
        post(self.address, "sendgrid", &self.sendgrid_head(&time, &body), &body)
    }

    fn sendgrid_head(&self, time: &str, body: &str) -> String {
        let mut signer = Signer::new(MessageDigest::sha256(), &self.sendgrid).unwrap();
        let signature =
            encode_block(&signer.sign_oneshot_to_vec(format!("{time}{body}").as_bytes()).unwrap());
        let name = "X-Twilio-Email-Event-Webhook";
        format!("{name}-Signature: {signature}\r\n{name}-Timestamp: {time}\r\n")
    }

    fn mailgun(&self, event: &Value) -> String {
        let token = uuid::Uuid::now_v7().simple().to_string();
        post(self.address, "mailgun", "", &mailgun_body(MAILGUN, now(), &token, event))
    }
}

fn mailgun_body(key: &str, time: i64, token: &str, event: &Value) -> String {
    let key = PKey::hmac(key.as_bytes()).unwrap();
    let mut signer = Signer::new(MessageDigest::sha256(), &key).unwrap();
    let mac = signer.sign_oneshot_to_vec(format!("{time}{token}").as_bytes()).unwrap();
    let mac = mac.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    json!({"signature": {"timestamp": time.to_string(), "token": token, "signature": mac}, "event-data": event})
        .to_string()
}

fn mailgun_failure(mail: &ReceivedMail, code: u32, words: &str) -> Value {
    json!({"event": "failed", "severity": "permanent", "reason": "bounce", "recipient": mail.recipient,
        "delivery-status": {"code": code, "message": words, "attempt-no": 1},
        "message": {"headers": {"message-id": mail.message_id.trim_matches(['<', '>']), "to": "x"}}})
}

fn sendgrid_event(kind: &str, mail: &ReceivedMail, others: &Value) -> Value {
    let mut event =
        json!({"event": kind, "email": mail.recipient, "smtp-id": mail.message_id, "timestamp": now()});
    for (name, value) in others.as_object().into_iter().flatten() {
        event[name] = value.clone();
    }
    event
}

fn postmark_record(kind: &str, mail: &ReceivedMail, details: &str) -> Value {
    json!({"RecordType": "Bounce", "Type": kind, "Email": mail.recipient, "Details": details, "ID": 42,
        "Metadata": {"fanmail": mail.header("X-PM-Metadata-fanmail")}, "MessageID": "not the one of the mail"})
}

/// How many outcomes have this status and this code.
fn outcomes(scenario: &Scenario, status: &str, code: &str) -> usize {
    let rows = format!(
        "deliveries WHERE status = '{status}' AND reported_code = '{code}' AND reported_at IS NOT NULL"
    );
    scenario.ledger.count(&rows)
}

fn suppressed(scenario: &Scenario, reason: &str) -> usize {
    scenario.ledger.count(&format!("suppressions WHERE reason = '{reason}' AND source = 'webhook'"))
}

fn counted(scenario: &Scenario, result: &str, number: usize) -> bool {
    scenario.ledger.count(&format!("bounce_counts WHERE result = '{result}' AND number = {number}")) == 1
}

fn what_providers_report_is_recorded_once(system: System) {
    let key = new_key();
    let scenario = with_webhooks("webhooks", 8, &key).database(system).build();
    let (worker, providers, mails) = sent(&scenario, key);

    for _ in 0..2 {
        let unknown = mailgun_failure(&mails[0], 550, "5.1.1 The address does not exist");
        assert_eq!(providers.mailgun(&unknown), "200");
        assert_eq!((outcomes(&scenario, "bounced", "5.1.1"), suppressed(&scenario, "bounced")), (1, 1));
    }
    assert!(counted(&scenario, "bounced", 1) && counted(&scenario, "repeated", 1));

    let full = json!({"type": "blocked", "status": "5.2.2", "reason": "552 5.2.2 mailbox full"});
    let foreign = json!({"event": "spamreport", "email": "x@example.com", "smtp-id": "<of@another.example>"});
    let events = json!([
        sendgrid_event("processed", &mails[1], &json!({})),
        sendgrid_event("bounce", &mails[1], &full),
        sendgrid_event("a new kind", &mails[1], &json!({"status": 7})),
        foreign,
        sendgrid_event("open", &mails[2], &json!({"useragent": "x"})),
        sendgrid_event("spamreport", &mails[2], &json!({})),
        // Out of order: the recipient has complained.
        sendgrid_event("bounce", &mails[2], &full),
    ]);
    assert_eq!(providers.sendgrid(&events), "200");
    assert_eq!((outcomes(&scenario, "bounced", "5.2.2"), outcomes(&scenario, "complained", "abuse")), (1, 1));
    assert_eq!((suppressed(&scenario, "bounced"), suppressed(&scenario, "complained")), (1, 1));
    assert!(counted(&scenario, "foreign", 1) && counted(&scenario, "refused", 1));

    assert_eq!(
        providers.postmark(&postmark_record("HardBounce", &mails[3], "smtp;550 5.1.1 unknown")),
        "200"
    );
    assert_eq!((outcomes(&scenario, "bounced", "5.1.1"), suppressed(&scenario, "bounced")), (2, 2));
    let mut complaint = postmark_record("SpamComplaint", &mails[3], "");
    complaint["RecordType"] = "SpamComplaint".into();
    assert_eq!(providers.postmark(&complaint), "200");
    assert_eq!(outcomes(&scenario, "complained", "abuse"), 2);
    let policy = postmark_record("Blocked", &mails[4], "smtp;550 5.7.1 blocked by policy");
    assert_eq!(providers.postmark(&policy), "200");
    assert_eq!((outcomes(&scenario, "bounced", "5.7.1"), suppressed(&scenario, "bounced")), (1, 2));
    assert!(counted(&scenario, "infrastructure", 1));

    // The recipient has another address now.
    let old = &mails[5].recipient;
    scenario
        .ledger
        .execute(&format!("UPDATE participants SET email = 'new@example.com' WHERE email = '{old}'"));
    assert_eq!(providers.mailgun(&mailgun_failure(&mails[5], 550, "5.1.1 unknown")), "200");
    assert_eq!((outcomes(&scenario, "bounced", "5.1.1"), suppressed(&scenario, "bounced")), (2, 2));
    for nothing in ["opened", "delivered", "clicked", "a new one"] {
        let event = json!({"event": nothing, "message": {"headers": {"message-id": mails[6].message_id}}});
        assert_eq!(providers.mailgun(&event), "200");
    }
    assert_eq!(scenario.ledger.outcomes("sent"), 2);
    let metrics = get_from_worker(&worker, "/metrics");
    assert!(metrics.contains("\nfanmail_webhook_reports_total 10\n"), "{metrics}");
    assert!(metrics.contains("\nfanmail_webhooks_refused_total 0\n"), "{metrics}");

    scenario.publish("UPDATED");
    scenario.wait_for_acks(2);
    let skipped = "deliveries WHERE notification_id = 2 AND status = 'skipped'";
    assert_eq!(scenario.ledger.count(&format!("{skipped} AND detail IN ('bounced', 'complained')")), 3);
    let log = worker.stop().err;
    scenario.check_redacted(&log);
    assert!(!log.contains(POSTMARK) && !log.contains(MAILGUN), "{log}");
}

/// A provider is quicker than the recorder.
#[test]
fn what_is_not_recorded_yet_is_posted_again() {
    let key = new_key();
    let scenario = with_webhooks("webhooks-early", 60, &key).build();
    let worker = scenario.worker_in_the_middle(4, 20, None);
    let providers = Providers { address: address_of(&worker), sendgrid: key };
    let last = scenario.people().pop().unwrap();
    let mut mail = scenario.smtp.log().received[0].clone();
    let number = mail.message_id.split(".p").nth(1).unwrap().split('.').next().unwrap();
    mail.message_id = mail.message_id.replace(&format!(".p{number}."), &format!(".p{}.", last.id));
    mail.recipient = last.email;
    let events = json!([sendgrid_event("spamreport", &mail, &json!({}))]);
    assert_eq!(providers.sendgrid(&events), "503");
    scenario.smtp.gate().open();
    scenario.wait_for_acks(1);
    assert_eq!(providers.sendgrid(&events), "200");
    assert_eq!((outcomes(&scenario, "complained", "abuse"), suppressed(&scenario, "complained")), (1, 1));
    scenario.stop_and_check(worker);
}

#[test]
fn without_a_database_the_provider_is_told_to_try_again() {
    let key = new_key();
    let scenario = with_webhooks("webhooks-no-database", 1, &key).build();
    let (_worker, providers, mails) = sent(&scenario, key);
    scenario.ledger.execute("ALTER TABLE deliveries RENAME TO elsewhere");
    let event = mailgun_failure(&mails[0], 550, "5.1.1 unknown");
    assert_eq!(providers.mailgun(&event), "503");
    scenario.ledger.execute("ALTER TABLE elsewhere RENAME TO deliveries");
    assert_eq!(providers.mailgun(&event), "200");
    assert_eq!(outcomes(&scenario, "bounced", "5.1.1"), 1);
}
