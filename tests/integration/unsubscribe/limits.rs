//! Clients that ask too often, and a flood of requests beside sending.

use std::net::TcpStream;
use std::sync::atomic::Ordering;

use testkit::clients::beside;
use testkit::http::{post_form, send, status};
use testkit::wait::wait_until;

use crate::unsubscribe::{sent, started, with_links};

/// One client may not press the buttons of others all day; who comes by another way is served.
#[test]
fn a_client_that_asks_without_end_is_refused_and_others_are_not() {
    let scenario = started(with_links("limits", 1));
    let (_worker, address, paths) = sent(&scenario);
    let (_, path) = paths.first_key_value().unwrap();
    let look =
        |client: &str| send(address, &format!("GET {path} HTTP/1.1\r\nX-Forwarded-For: {client}\r\n\r\n"));
    wait_until("a refusal", || status(&look("203.0.113.5")) == "429");
    assert_eq!(status(&look("203.0.113.6")), "200");
    // Scanners of mails look from where mail programs act.
    let head = "X-Forwarded-For: 203.0.113.5\r\nContent-Length: 26";
    let acted = send(address, &format!("POST {path} HTTP/1.1\r\n{head}\r\n\r\nList-Unsubscribe=One-Click"));
    assert_eq!(status(&acted), "200", "{acted}");
}

/// Clients that ask for pages, post forged forms and hold connections open while a fan-out runs.
#[test]
fn a_flood_of_requests_holds_up_no_mail() {
    let scenario = started(with_links("flood", 400).connections(4));
    let (_worker, address, paths) = sent(&scenario);
    let (_, path) = paths.first_key_value().unwrap();
    let idle: Vec<_> = (0..100).filter_map(|_| TcpStream::connect(address).ok()).collect();
    let clients = (0..4).map(|number| {
        move || {
            let response = match number % 2 {
                0 => send(address, &format!("GET {path} HTTP/1.1\r\n\r\n")),
                _ => post_form(address, &format!("{path}AAAA"), "List-Unsubscribe=One-Click"),
            };
            assert!(["200", "429", "404", "503"].contains(&status(&response)), "{response}");
        }
    });
    beside(clients, |requests| {
        wait_until("requests", || requests.load(Ordering::Relaxed) > 200);
        scenario.publish("UPDATED");
        scenario.wait_for_acks(2);
    });
    drop(idle);
    assert_eq!(scenario.ledger.count("deliveries WHERE notification_id = 2 AND status = 'sent'"), 400);
    assert_eq!(scenario.ledger.count("suppressions"), 0);
    scenario.check_completed();
}
