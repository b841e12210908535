//! Requests of others, of long ago, in a wrong form, and for providers that are not configured.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::json;
use testkit::http::{address_of, get_from_worker, send};
use testkit::scenario::Scenario;
use testkit::wait::wait_until;

use crate::webhooks::{
    MAILGUN, Providers, mailgun_body, mailgun_failure, new_key, now, post, postmark_record, sendgrid_event,
    sent, with_webhooks,
};

#[test]
fn who_is_not_the_provider_is_refused_and_counted() {
    let key = new_key();
    let scenario = with_webhooks("webhooks-forged", 1, &key).build();
    let (worker, providers, mails) = sent(&scenario, key);
    let (address, mail) = (providers.address, &mails[0]);
    let record = postmark_record("HardBounce", mail, "550 5.1.1 unknown").to_string();
    let events = json!([sendgrid_event("spamreport", mail, &json!({}))]).to_string();
    let event = mailgun_failure(mail, 550, "5.1.1 unknown");
    let (time, old) = (now(), now() - 26 * 3600);
    let stranger = Providers { address, sendgrid: new_key() };
    let ours = |time: i64, body: &str| providers.sendgrid_head(&time.to_string(), body);
    let mailgun = |key: &str, time: i64| mailgun_body(key, time, "a-token", &event);
    let signed = mailgun(MAILGUN, time);
    for (provider, head, body, status) in [
        ("postmark", String::new(), record.as_str(), "401"),
        ("postmark", "Authorization: Basic cG9zdG1hcms6d3Jvbmc=\r\n".to_owned(), &record, "401"),
        ("postmark", "Authorization: Bearer x\r\n".to_owned(), &record, "401"),
        ("sendgrid", String::new(), &events, "403"),
        ("sendgrid", stranger.sendgrid_head(&time.to_string(), &events), &events, "403"),
        ("sendgrid", ours(time, &events), &format!("{events} "), "403"),
        ("sendgrid", ours(old, &events), &events, "403"),
        ("sendgrid", ours(time + 3600, &events), &events, "403"),
        ("sendgrid", ours(time, "{}"), "{}", "400"),
        ("sendgrid", ours(time, ""), "", "400"),
        ("mailgun", String::new(), &mailgun("another", time), "403"),
        ("mailgun", String::new(), &mailgun("x", time), "403"),
        ("mailgun", String::new(), &mailgun(MAILGUN, old), "403"),
        ("mailgun", String::new(), "{}", "400"),
        ("mailgun", String::new(), "{\"signature\"", "400"),
        ("mailgun", String::new(), "\u{0}", "400"),
    ] {
        assert_eq!(post(address, provider, &head, body), status, "{provider} {head} {body}");
    }
    assert_eq!(scenario.ledger.outcomes("sent"), 1);
    assert_eq!(post(address, "mailgun", "", &signed), "200");
    // The signature of a request that was seen, with other words.
    assert_eq!(post(address, "mailgun", "", &signed.replace("550", "551")), "403");
    assert_eq!(post(address, "mailgun", "", &signed), "200", "Mailgun itself tries again");
    assert_eq!(scenario.ledger.count("bounce_counts WHERE result = 'repeated' AND number = 1"), 1);
    let metrics = get_from_worker(&worker, "/metrics");
    assert!(metrics.contains("\nfanmail_webhooks_refused_total 17\n"), "{metrics}");
    let get = send(address, "GET /webhooks/mailgun HTTP/1.1\r\n\r\n");
    assert!(get.starts_with("HTTP/1.1 405 "), "{get}");
    let log = worker.stop().err;
    assert_eq!(log.matches("Further ones are only counted").count(), 1, "{log}");
}

#[test]
fn a_provider_that_is_not_configured_has_no_address() {
    let scenario = Scenario::with_relay("webhooks-none", 1).env("HTTP_ADDR", "127.0.0.1:0").build();
    let worker = scenario.worker();
    for provider in ["ses", "postmark", "sendgrid", "mailgun", "other", ""] {
        assert_eq!(post(address_of(&worker), provider, "", "{}"), "404", "{provider}");
    }
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    assert_eq!(scenario.smtp.log().received[0].header("X-PM-Metadata-fanmail"), "");
}

#[test]
fn a_body_that_is_too_long_is_not_read() {
    let key = new_key();
    let scenario = with_webhooks("webhooks-long", 1, &key).build();
    let worker = scenario.worker();
    let mut stream = TcpStream::connect(address_of(&worker)).unwrap();
    let length = 64 * 1024 * 1024;
    let head = format!("POST /webhooks/mailgun HTTP/1.1\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let part = [b'x'; 8 * 1024];
    let mut written = 0;
    while written < length && stream.write_all(&part).is_ok() {
        written += part.len();
    }
    assert!(written < length, "all of it was read");
    // The connection may be reset before the response is read.
    stream.read_to_string(&mut String::new()).ok();
    let refused = || get_from_worker(&worker, "/metrics").contains("\nfanmail_webhooks_refused_total 1\n");
    wait_until("the refusal", refused);
}
