//! The files for the outbox in `examples/python/`, in transactions of Django and `SQLAlchemy`, with a worker and no broker.

use std::fs;
use std::path::Path;
use std::process::Command;

use testkit::installed::installed;
use testkit::scenario::{EVENT, Scenario};
use testkit::wait::wait_until;

#[test]
fn what_an_application_commits_to_the_outbox_is_mailed() {
    let mut scenario = Scenario::with_relay("outbox-snippets", 3).build();
    scenario.environment.retain(|name, _| !name.starts_with("LAVINMQ"));
    let worker = scenario.start(&["worker", "--outbox-only"]);
    for library in ["django", "sqlalchemy"] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (example, script) = (format!("fanmail_outbox_{library}.py"), format!("outbox_{library}.py"));
        fs::copy(root.join("examples/python").join(&example), scenario.path(&example)).unwrap();
        fs::copy(root.join("tests/publishers").join(&script), scenario.path(&script)).unwrap();
        let output = Command::new(installed("bin/python"))
            .args([&script, &scenario.environment["DATABASE_URL"], &EVENT.to_string()])
            .current_dir(scenario.dir.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    wait_until("the notifications to be completed", || scenario.ledger.completed() == 2);
    let keys: Vec<_> = scenario.ledger.notifications().into_iter().map(|row| row.message_key).collect();
    assert_eq!(keys, ["django", "sqlalchemy"].map(|key| Some(key.to_owned())));
    assert_eq!(scenario.smtp.accepted(), 6);
    worker.stop();
}
