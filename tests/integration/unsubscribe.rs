//! Links that unsubscribe, from the mail to the list of suppressions: what mails carry, one click, the buttons of the page, bad links,
//! rotated secrets, and a database that is away.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use testkit::http::{address_of, get_from_worker, post_form, send, status};
use testkit::process::Process;
use testkit::scenario::Scenario;
use testkit::scenario::builder::ScenarioBuilder;
use testkit::wait::wait_until;

mod application;
mod browser;
mod limits;

const URL: &str = "https://events.example.org/unsubscribe";
const SECRET: &str = "a secret of a test that is long enough";

fn with_links(name: &str, participants: usize) -> ScenarioBuilder {
    Scenario::with_relay(name, participants)
        .env("HTTP_ADDR", "127.0.0.1:0")
        .env("UNSUBSCRIBE_URL", URL)
        .env("UNSUBSCRIBE_SECRET", &SECRET.replace(' ', "-"))
}

/// People who read English, so that a test knows what their page says.
fn started(builder: ScenarioBuilder) -> Scenario {
    let scenario = builder.build();
    scenario.ledger.execute("UPDATE participants SET locale = 'en-GB'");
    scenario
}

/// The path of the link in the newest mail of each recipient.
fn paths(scenario: &Scenario) -> BTreeMap<String, String> {
    let mails = scenario.smtp.log().received;
    mails.iter().filter_map(|mail| Some((mail.recipient.clone(), mail.unsubscribe_path()?))).collect()
}

/// A worker that has sent one mail to each participant, and those paths.
fn sent(scenario: &Scenario) -> (Process, SocketAddr, BTreeMap<String, String>) {
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    let address = address_of(&worker);
    (worker, address, paths(scenario))
}

fn suppressed(scenario: &Scenario, scope: &str) -> usize {
    scenario.ledger.count(&format!(
        "suppressions WHERE scope = '{scope}' AND reason = 'unsubscribed' AND source = 'link'"
    ))
}

#[test]
fn every_mail_but_a_cancellation_has_a_link_of_its_own() {
    let scenario = started(with_links("links", 20));
    scenario.ledger.execute("UPDATE participants SET locale = 'de' WHERE id % 2 = 0");
    let worker = scenario.worker();
    for (number, kind) in (1..).zip(["CREATED", "REMINDER", "CANCELLED"]) {
        scenario.publish(kind);
        scenario.wait_for_acks(number);
    }
    worker.stop();
    let mails = scenario.smtp.log().received;
    assert_eq!(mails.len(), 60);
    let mut links: Vec<String> = Vec::new();
    for mail in &mails {
        let text = String::from_utf8_lossy(&mail.raw).replace("=\r\n", "");
        let link = mail.header("List-Unsubscribe");
        if mail.header("Feedback-ID").contains(":cancelled:") {
            assert!(link.is_empty() && !text.contains("List-Unsubscribe") && !text.contains(URL), "{text}");
            continue;
        }
        assert_eq!(mail.header("List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
        let link = link.trim_matches(['<', '>']).to_owned();
        assert!(link.starts_with(&format!("{URL}/A")), "{link}");
        assert!(!link.contains('@') && !link.contains(mail.recipient.split('@').next().unwrap()), "{link}");
        // In the header, the text part and the HTML part, which both may be encoded.
        let words = ["Unsubscribe from these mails", "Diese E-Mails abbestellen"];
        assert!(words.iter().any(|words| text.contains(words)) || text.contains("base64"), "{text}");
        links.push(link);
    }
    links.sort();
    links.dedup();
    assert_eq!(links.len(), 40);
}

#[test]
fn one_click_stops_the_mails_about_the_event_and_the_page_takes_it_back() {
    let scenario = started(with_links("one-click", 5));
    let (worker, address, paths) = sent(&scenario);
    let (_, path) = paths.first_key_value().unwrap();

    // A scanner opens every link, and tries HEAD.
    let page = get_from_worker(&worker, path);
    assert_eq!(status(&page), "200");
    assert_eq!(status(&send(address, &format!("HEAD {path} HTTP/1.1\r\n\r\n"))), "200");
    assert_eq!(scenario.ledger.count("suppressions"), 0);
    for header in [
        "\r\nContent-Security-Policy: default-src 'none'; style-src 'sha256-",
        "\r\nReferrer-Policy: no-referrer\r\n",
        "\r\nX-Robots-Tag: noindex, nofollow\r\n",
        "\r\nCache-Control: no-store\r\n",
        "\r\nX-Content-Type-Options: nosniff\r\n",
    ] {
        let lowered = page.to_lowercase();
        assert!(lowered.contains(&header.to_lowercase()), "{header} in {page}");
    }
    assert!(!page.to_lowercase().contains("set-cookie") && !page.contains("<script"), "{page}");

    // As a mail program does it (RFC 8058), twice.
    for _ in 0..2 {
        assert_eq!(status(&post_form(address, path, "List-Unsubscribe=One-Click")), "200");
        assert_eq!((suppressed(&scenario, "event:123"), scenario.ledger.count("suppressions")), (1, 1));
    }
    let multipart =
        "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n";
    let other = paths.values().nth(1).unwrap();
    let head =
        format!("Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {}", multipart.len());
    let posted = send(address, &format!("POST {other} HTTP/1.1\r\n{head}\r\n\r\n{multipart}"));
    assert_eq!((status(&posted), suppressed(&scenario, "event:123")), ("200", 2));

    let undone = post_form(address, path, "choice=event&do=resume");
    assert!(undone.contains("Done. You get these mails again."), "{undone}");
    assert_eq!(suppressed(&scenario, "event:123"), 1);
    let stopped = post_form(address, path, "choice=all&do=stop");
    assert!(stopped.contains("value=\"cancellations\""), "{stopped}");
    assert_eq!(suppressed(&scenario, "all"), 1);
    assert_eq!(status(&post_form(address, path, "choice=none")), "400");
    assert_eq!(status(&send(address, &format!("DELETE {path} HTTP/1.1\r\n\r\n"))), "405");
    let metrics = get_from_worker(&worker, "/metrics");
    assert!(metrics.contains("\nfanmail_unsubscribed_total 3\n"), "{metrics}");
    assert!(metrics.contains("\nfanmail_resubscribed_total 1\n"), "{metrics}");

    let log = worker.stop().err;
    assert!(!log.contains(path.rsplit('/').next().unwrap()), "{log}");
    scenario.check_redacted(&log);
}

#[test]
fn what_people_have_stopped_is_skipped_and_a_cancellation_reaches_them_all_the_same() {
    let scenario = started(with_links("stopped", 4));
    let (_worker, address, paths) = sent(&scenario);
    for (path, choice) in paths.values().zip(["event", "kind", "all"]) {
        assert_eq!(status(&post_form(address, path, &format!("choice={choice}&do=stop"))), "200");
    }
    let sent = |notification: i64| {
        scenario
            .ledger
            .count(&format!("deliveries WHERE notification_id = {notification} AND status = 'sent'"))
    };
    for (notification, kind, expected) in [(2, "UPDATED", 1), (3, "REMINDER", 2), (4, "CANCELLED", 4)] {
        scenario.publish(kind);
        scenario.wait_for_acks(notification);
        assert_eq!(sent(notification.try_into().unwrap()), expected, "{kind}");
    }
    let skipped = "deliveries WHERE status = 'skipped' AND detail = 'unsubscribed'";
    assert_eq!(scenario.ledger.count(skipped), 5);
    let last = paths.values().nth(2).unwrap();
    assert_eq!(status(&post_form(address, last, "choice=cancellations&do=stop")), "200");
    scenario.publish("CANCELLED");
    scenario.wait_for_acks(5);
    assert_eq!(sent(5), 3);
}

#[test]
fn bad_links_are_answered_alike_and_change_nothing() {
    let scenario = started(with_links("bad-links", 1));
    let (_worker, address, paths) = sent(&scenario);
    let (_, path) = paths.first_key_value().unwrap();
    let with_end = |end: &str| format!("{}{end}", &path[..path.len() - end.len()]);
    let bodies: Vec<String> = [
        with_end("AA"),
        with_end("%00"),
        path[..40].to_owned(),
        format!("{path}x"),
        "/unsubscribe/x".to_owned(),
    ]
    .iter()
    .flat_map(|bad| {
        [
            send(address, &format!("GET {bad} HTTP/1.1\r\n\r\n")),
            post_form(address, bad, "List-Unsubscribe=One-Click"),
        ]
    })
    .map(|response| {
        assert_eq!(status(&response), "404", "{response}");
        response.split_once("\r\n\r\n").unwrap().1.to_owned()
    })
    .collect();
    assert!(
        bodies.iter().all(|body| *body == bodies[0] && body.contains("This link does not work")),
        "{bodies:?}"
    );
    assert_eq!(scenario.ledger.count("suppressions"), 0);
}

#[test]
fn old_links_work_after_the_secret_was_rotated() {
    let mut scenario = started(with_links("rotation", 1));
    let (worker, _, old) = sent(&scenario);
    worker.stop();
    let secret = SECRET.replace(' ', "-");
    let rotated = format!("another-secret-of-a-test-that-is-long {secret}");
    scenario.environment.insert("UNSUBSCRIBE_SECRET".to_owned(), rotated);
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(2);
    let new = paths(&scenario);
    assert_ne!(old, new);
    for (path, choice) in [(old.values().next().unwrap(), "event"), (new.values().next().unwrap(), "kind")] {
        assert_eq!(status(&post_form(address_of(&worker), path, &format!("choice={choice}&do=stop"))), "200");
    }
    assert_eq!((suppressed(&scenario, "event:123"), suppressed(&scenario, "kind:UPDATED")), (1, 1));
    worker.stop();
    // The old secret has leaked, and is taken out.
    scenario
        .environment
        .insert("UNSUBSCRIBE_SECRET".to_owned(), "another-secret-of-a-test-that-is-long".to_owned());
    let worker = scenario.worker();
    // The server answers before the database is open.
    wait_until("the database", || status(&get_from_worker(&worker, new.values().next().unwrap())) != "503");
    let [old, new] = [old, new].map(|paths| get_from_worker(&worker, paths.values().next().unwrap()));
    assert_eq!((status(&old), status(&new)), ("404", "200"));
}

#[test]
fn without_a_database_the_page_says_so() {
    let scenario = started(with_links("no-database", 1));
    let (_worker, address, paths) = sent(&scenario);
    let (_, path) = paths.first_key_value().unwrap();
    // A table that is gone is a database that cannot answer this.
    scenario.ledger.execute("ALTER TABLE suppressions RENAME TO elsewhere");
    let response = post_form(address, path, "List-Unsubscribe=One-Click");
    assert_eq!(status(&response), "503", "{response}");
    assert!(response.to_lowercase().contains("\r\nretry-after: 60\r\n"), "{response}");
    assert!(response.contains("Please try again later"), "{response}");
    scenario.ledger.execute("ALTER TABLE elsewhere RENAME TO suppressions");
    assert_eq!(status(&post_form(address, path, "List-Unsubscribe=One-Click")), "200");
}
