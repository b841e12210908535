//! Programs and libraries of other languages that tests use: where `scripts/lib/publishers.sh` has installed them, and how they are run.

use std::env;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

/// The path of a file there, such as `bin/python`.
///
/// # Panics
/// When it is not there.
pub fn installed(path: &str) -> PathBuf {
    let cache = env::var_os("XDG_CACHE_HOME").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")));
    let path = cache.unwrap().join("fanmail/publishers").join(path);
    assert!(path.exists(), "{} is not there; run scripts/test once, which installs it", path.display());
    path
}

/// Runs a program that reads JSON and writes JSON.
pub(crate) fn run_with_json<T: serde::de::DeserializeOwned>(mut command: Command, input: &Value) -> T {
    let mut program = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = program.stdin.take().unwrap();
    stdin.write_all(input.to_string().as_bytes()).unwrap();
    drop(stdin);
    let output = program.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?} failed; its reason is above");
    serde_json::from_slice(&output.stdout).unwrap()
}
