//! Notices: recipients with one address get one mail if the message says the same to them.

use super::*;
use crate::domain::event_key_type::EventKeyType;
use crate::domain::message::Message;

fn notice(body: &str) -> Message {
    Message::decode(body.as_bytes(), EventKeyType::Number).unwrap().message
}

fn send(worker: &TestWorker, body: &str) -> FanOutResult {
    open_and_run(&worker.context, &named("m1"), notice(body))
}

/// Two users share an address.
fn add_users(worker: &TestWorker) {
    worker.execute(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, name TEXT, locale TEXT);
         INSERT INTO users VALUES (1, 'fay@x.org', 'Fay', NULL), (2, 'fay@X.org', 'Fred', NULL), (3, 'solo@x.org', '', NULL)",
    );
}

#[test]
fn users_and_addresses_that_are_one_get_one_mail() {
    let body = r#"{"recipient_user_ids": [1, 2, 3, 9], "recipients": ["Fay@x.org", "fay@x.org", " solo@x.org"], "message": "Hello"}"#;
    for page_size in [100, 7, 2, 1] {
        let mut worker = TestWorker::new(0, 2);
        add_users(&worker);
        set(&mut worker, true);
        worker.context_mut().page_size = page_size;
        assert!(matches!(send(&worker, body), FanOutResult::Completed(_)));
        assert_eq!(accepted(&worker), ["Fay@x.org", "fay@x.org", "solo@x.org"], "{page_size} to a page");
        let tally = Tally { participants: 7, sent: 3, skipped: 4, same_address: 3, ..Tally::default() };
        assert_eq!((worker.tally(1), skipped_for(&worker, 1)), (tally, 2));
        assert_eq!(worker.count("deliveries WHERE participant_id = 4 AND detail = 'no such user'"), 1);
    }
}

#[test]
fn what_is_said_to_one_alone_is_a_mail_of_its_own() {
    let mut worker = TestWorker::new(0, 1);
    add_users(&worker);
    set(&mut worker, true);
    let body = r#"[{"recipient_user_id": 1, "message": "Your car is ready."}, {"recipient_user_id": 2, "message": "Your bike is ready."},
        {"recipient_user_id": 2, "message": "Your car is ready."}]"#;
    assert!(matches!(send(&worker, body), FanOutResult::Completed(_)));
    assert_eq!((accepted(&worker).len(), skipped_for(&worker, 1)), (2, 1));
}

#[test]
fn another_worker_goes_on_with_a_notice() {
    let addresses: Vec<String> = (0..30).map(|n| format!("\"p{}@x.org\"", n % 10)).collect();
    // Each recipient is another one by its name.
    let recipients: Vec<String> = addresses
        .iter()
        .zip(0..)
        .map(|(address, n)| format!(r#"{{"email": {address}, "name": "N{n}"}}"#))
        .collect();
    let body = format!(r#"{{"recipients": [{}], "message": "Hello"}}"#, recipients.join(", "));
    for mails in [1, 4, 9] {
        let handle = Arc::new(Mutex::new(None));
        let (trigger, seen) = (Arc::clone(&handle), AtomicU32::new(0));
        let mut first = TestWorker::with_relay(0, 1, move |_, _, _| {
            if seen.fetch_add(1, Ordering::Relaxed) + 1 == mails {
                drop(trigger.lock().unwrap().take());
            }
            Ok(())
        });
        set(&mut first, true);
        *handle.lock().unwrap() = first.handle.take();
        assert_eq!(send(&first, &body), FanOutResult::Interrupted);
        let mut second = first.another();
        set(&mut second, true);
        assert!(matches!(send(&second, &body), FanOutResult::Completed(_)));
        let tally = Tally { participants: 30, sent: 10, skipped: 20, same_address: 20, ..Tally::default() };
        assert_eq!((second.tally(1), accepted(&second).len()), (tally, 10), "after {mails} mails");
    }
}
