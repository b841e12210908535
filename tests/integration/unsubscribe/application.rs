//! An application with a page of its own: the token is read as docs/unsubscribe.md says it, by the code that stands there.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::unsubscribe::{SECRET, paths, with_links};

#[test]
fn the_code_in_the_documentation_reads_the_token_of_a_mail() {
    let scenario = with_links("own-page", 1)
        .env("UNSUBSCRIBE_URL", "https://events.example.org/mails?t={token}")
        .build();
    scenario.ledger.execute("UPDATE participants SET locale = 'de-AT'");
    let worker = scenario.worker();
    scenario.publish("REMINDER");
    scenario.wait_for_acks(1);
    worker.stop();
    let path = paths(&scenario).into_values().next().unwrap();
    let token = path.strip_prefix("/mails?t=").unwrap();
    let secret = SECRET.replace(' ', "-");
    let read = |token: &str, secrets: &[&str]| read_by_python(scenario.dir.path(), token, secrets);
    let said = read(token, &["another secret", &secret]);
    assert_eq!(
        (&said["kind"], &said["event"], &said["locale"]),
        (&json!("REMINDER"), &json!("123"), &json!("de-AT"))
    );
    assert_eq!(said["address_hash"].as_str().unwrap().len(), 32);
    assert_eq!(read(token, &["another secret"]), Value::Null);
    for changed in
        [&token[1..], &token[..token.len() - 1], &format!("{token}A"), &token.replacen('A', "B", 1), "", "é"]
    {
        assert_eq!(read(changed, &[&secret]), Value::Null, "{changed}");
    }
}

/// What the function in the documentation returns.
fn read_by_python(folder: &std::path::Path, token: &str, secrets: &[&str]) -> Value {
    let document = fs::read_to_string("docs/unsubscribe.md").unwrap();
    let code = document.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    let script = folder.join("read_token.py");
    let call = "import json, sys\nprint(json.dumps(read_token(sys.argv[1], sys.argv[2:])))\n";
    fs::write(&script, format!("{code}\n{call}")).unwrap();
    let output =
        Command::new("python3").args(["-X", "utf8"]).arg(script).arg(token).args(secrets).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
