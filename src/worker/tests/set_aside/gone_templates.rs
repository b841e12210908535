//! Templates of a route that are not there any more when its mails are sent.

use std::fs;

use super::*;
use crate::domain::message::details::{MessageDetails, Routed};

#[test]
fn a_mail_without_its_templates_waits_until_they_are_back() {
    let mut worker = TestWorker::new(5, 1);
    let routed = Routed { template: "welcome".to_owned(), ..Routed::default() };
    let details = MessageDetails { routed: Some(routed), ..MessageDetails::default() }.to_json();
    let result =
        open_and_run(&worker.context, &named("m1"), Message { kind: Kind::Routed, details, ..REQUEST });
    assert!(matches!(result, FanOutResult::SetAside(_)), "{result:?}");
    let reason = record(&worker, 1).reason.unwrap();
    assert!(
        reason.starts_with("its templates welcome are not in TEMPLATES_DIR, which is not set"),
        "{reason}"
    );
    assert_eq!(worker.relay.tries(), 0, "no other mail in its place");

    let dir = tempfile::tempdir().unwrap();
    worker.config.content.templates_dir = Some(dir.path().to_owned());
    sweep(&worker);
    assert_eq!(state(&worker, 1), NotificationState::SetAside);
    fs::create_dir(dir.path().join("welcome")).unwrap();
    for name in ["subject.txt", "body.txt", "body.html"] {
        fs::write(dir.path().join("welcome").join(name), "Hello").unwrap();
    }
    sweep(&worker);
    assert_each_once(&worker, 5);
    assert_eq!(state(&worker, 1), NotificationState::Completed);
}
