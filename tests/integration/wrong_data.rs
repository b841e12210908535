//! A client library that returns wrong data without an error: no command reads the database with it, and no message leaves
//! the queue.

use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::process::{Environment, Exit, Process};
use testkit::scenario::{EVENT, Scenario};
use testkit::system::System;

const SHIM: &str = "tests/integration/wrong_data/empty_texts.c";

/// What is told, apart from the path and the version of the library.
const TOLD: [&str; 5] = [
    "the client library (/",
    ", version ",
    ") reads wrong data: row 1 has \"first@example.com\", but \"\" was read; ",
    "MariaDB Connector/C 3.3.19 and 3.4.9 return texts empty",
    "apt-get install libmariadb3",
];

/// Compiles the library that is to be preloaded. cc is there wherever Rust links a program.
fn shim(dir: &Path) -> PathBuf {
    let library = dir.join("empty_texts.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(SHIM);
    let ended =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    library
}

fn run(scenario: &Scenario, environment: &Environment, arguments: &[&str]) -> Exit {
    Process::start(scenario.dir.path(), environment, arguments).wait()
}

#[test]
fn no_command_uses_a_client_library_that_returns_empty_texts() {
    let scenario = Scenario::with_relay("empty-texts", 3).database(System::Mariadb).build();
    let mut environment = scenario.environment.clone();
    environment.insert("LD_PRELOAD".to_owned(), shim(scenario.dir.path()).display().to_string());
    scenario.publish("UPDATED");
    let event = EVENT.to_string();
    for arguments in [
        &["worker"][..],
        &["migrate"],
        &["status"],
        &["retry", "--notification", "1"],
        &["preview", "--type", "UPDATED", "--event", &event],
        &["purge", "--older-than", "90d"],
        &["seed", "--event", "9", "--participants", "2"],
    ] {
        let ended = run(&scenario, &environment, arguments);
        assert_eq!(ended.code, Some(2), "{arguments:?}: {ended:?}");
        let missing: Vec<&str> = TOLD.into_iter().filter(|told| !ended.err.contains(told)).collect();
        assert!(missing.is_empty(), "{arguments:?}: {missing:?} in {}", ended.err);
    }
    let check = run(&scenario, &environment, &["check"]);
    assert_eq!(check.code, Some(1), "{check:?}");
    let line = check.out.lines().find(|line| line.starts_with("database")).unwrap();
    assert!(line.contains("FAILED") && TOLD.iter().all(|told| line.contains(told)), "{line}");

    assert_eq!((scenario.queue.depth(), scenario.smtp.accepted()), (1, 0));
    assert!(scenario.ledger.notifications().is_empty());
    let worker = scenario.worker();
    scenario.wait_for_acks(1);
    scenario.stop_and_check(worker);
    assert_eq!(scenario.smtp.accepted(), 3);
}

/// Also where the answer to another question comes first: whether the connection is encrypted.
#[test]
fn an_empty_text_is_not_taken_for_a_server_without_tls() {
    let scenario = Scenario::with_relay("empty-texts-tls", 1).database(System::Mariadb).build();
    let mut environment = scenario.environment.clone();
    environment.insert("LD_PRELOAD".to_owned(), shim(scenario.dir.path()).display().to_string());
    let url = environment.get_mut("DATABASE_URL").unwrap();
    *url = format!("{url}?ssl_mode=required");
    let ended = run(&scenario, &environment, &["status"]);
    // A server without TLS is refused before anything is read.
    let is_refused = ended.err.contains("SSL is required, but the server does not support it");
    assert!(is_refused || ended.err.contains("reads wrong data: row 1 has \"Ssl_cipher\""), "{ended:?}");
}

#[test]
fn check_names_the_client_library() {
    let scenario = Scenario::with_relay("client-library", 1).database(System::Mariadb).build();
    let out = scenario.run_ok(&["check"]);
    let line = out.lines().find(|line| line.starts_with("database")).unwrap();
    assert!(line.contains("; client library /") && line.contains(", version "), "{line}");
}
