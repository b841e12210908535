//! The status page in a browser: a person with a telephone and without JavaScript signs in while a fan-out runs, sees why mails failed, has
//! them tried again, and has dead letters replayed. Each page is judged by axe-core.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use testkit::http::{address_of, send, status};
use testkit::installed::installed;
use testkit::queue::properties;
use testkit::scenario::Scenario;
use testkit::smtp::RecipientFault;
use testkit::smtp::gate::Point;
use testkit::wait::wait_until;

use crate::accessibility::faults_in;

const TOKEN: &str = "a-token-of-a-test-that-is-long-enough";
/// The notification that runs while the page is looked at is about this event.
const CONCERT: i64 = 8;
/// Its people, and those whose mails are on their way before the relay waits.
const AUDIENCE: usize = 2400;
const BEFORE: usize = 900;

/// Pictures are left in the folder that the variable `STATUS_PICTURES` names.
#[test]
fn a_person_signs_in_has_mails_tried_again_and_dead_letters_replayed() {
    let scenario = Scenario::with_relay("status-page", 40)
        .connections(2)
        .env("HTTP_ADDR", "127.0.0.1:0")
        .env("HTTP_TOKEN", TOKEN)
        .env("MAX_RETRIES", "0")
        .env("DEFER_SCHEDULE", "off")
        .env("EVENT_LOOKUP_GRACE", "0")
        .build();
    let people = scenario.people();
    let fail = |at: usize, reply, times| {
        scenario.smtp.fail_recipient(&people[at].email, RecipientFault::Rcpt(reply), times);
    };
    fail(0, "450 4.2.2 <b>mailbox full</b>", 1);
    fail(1, "550 5.1.1 no such user", usize::MAX);
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    let about =
        |event: i64| (format!(r#"{{"type":"UPDATED","event_id":{event}}}"#).into_bytes(), properties(None));
    scenario.queue.publish_all(&[about(7), about(7), (b"<i>poison</i>".to_vec(), properties(None))]);
    wait_until("the dead letters", || scenario.queue.dead_depth() == 3);
    let address = address_of(&worker);
    assert_eq!(status(&send(address, "GET /api/status HTTP/1.1\r\n\r\n")), "401");
    wait_until("dead letters by their reasons", || {
        let read = api(address, "/api/status");
        read["this_worker"]["queues"][0]["dead_letters"] == 3
            && read["dead_letters"].as_array().is_some_and(|groups| groups.len() == 2)
    });
    scenario.seed(7, 2);
    scenario.seed(CONCERT, AUDIENCE);
    scenario.smtp.gate().close_after(Point::Mail, BEFORE);
    scenario.queue.publish("CREATED", CONCERT, Some("concert"));
    scenario.wait_until_held(2);

    let (dir, chosen) = (tempfile::tempdir().unwrap(), std::env::var_os("STATUS_PICTURES"));
    let folder = chosen.as_deref().map_or(dir.path(), Path::new);
    let steps = look_at(&format!("http://{address}/"), folder);
    let headings = [
        ("Sign in", None),
        // What it says of a relay that is held is left to others.
        ("", None),
        ("Notification 1", None),
        ("Retry notification 1", None),
        (
            "Retry notification 1",
            Some(
                "Workers try 1 mail again within ten seconds. The page of the notification says what becomes of them.",
            ),
        ),
        ("", None),
        ("Replay dead letters", None),
        ("Replay dead letters", Some("2 dead letters replayed: their messages are in the queue ")),
        ("Not accepted", Some("This form was not made for you: ")),
        ("Sign in", None),
    ];
    for (step, (heading, message)) in steps.iter().zip(headings) {
        assert_eq!(step["wrong"], json!([]), "{step}");
        assert!(step["heading"] == heading || heading.is_empty(), "{step}");
        let told = step["message"].as_str();
        assert!(message.is_none_or(|message| told.is_some_and(|told| told.starts_with(message))), "{step}");
    }
    assert_eq!(steps.len(), headings.len());
    for (step, told) in [
        (1, "<b>mailbox full</b>"),
        (1, "of 2,400 ("),
        (1, "event … is not in the database, and did not appear within … s"),
        (1, "Replay with: fanmail dead-letters replay --reason 'event … is not"),
        (2, "fanmail retry --notification 1"),
        (3, "Workers try 1 mail again within ten seconds: 1 failed for a reason that may pass."),
        (3, "1 mail failed for good, and nothing is done"),
        (6, "2 messages go back to the queue "),
    ] {
        let text = steps[step]["text"].as_str().unwrap();
        assert!(text.contains(told), "{told}: {text}");
    }
    scenario.smtp.gate().open();
    wait_until("the second try", || {
        scenario.ledger.outcomes("failed") == 1 && scenario.ledger.outcomes("sent") == 39 + 2 * 2 + AUDIENCE
    });
    assert_eq!(scenario.queue.dead_depth(), 1, "the one that nobody has chosen");

    if chosen.is_none() {
        let faults = faults_in(folder, headings.len());
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }
    // The notifications of the dead letters are abandoned; all others hold what they have to.
    scenario.check_redacted(&worker.stop().err);
    scenario.check_ledger_matches_relay();
}

fn api(address: std::net::SocketAddr, path: &str) -> Value {
    let answer = send(address, &format!("GET {path} HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"));
    serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap_or_default())
        .unwrap_or_else(|_| panic!("{answer}"))
}

/// What `status.mjs` has seen. It leaves pages and pictures in `folder`.
fn look_at(url: &str, folder: &Path) -> Vec<Value> {
    fs::create_dir_all(folder).unwrap();
    let output = Command::new(installed("bin/node"))
        .arg("tests/accessibility/status.mjs")
        .arg(std::env::var_os("CHROMIUM").unwrap_or_else(|| "chromium-headless-shell".into()))
        .args([url.as_ref(), TOKEN.as_ref(), folder.as_os_str()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
