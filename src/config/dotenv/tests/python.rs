//! python-dotenv reads made-up files, and so does `Dotenv`. The files are drawn from fixed seeds.

use std::process::Command;
use std::{fs, iter};

use serde_json::{Value, json};

use super::*;

const FILES: u64 = 1_000;

/// What the grammar treats in a special way, and what it must not.
const FRAGMENTS: [&str; 47] = [
    "\nA=", "\nA=", "\nB=", "A", "A", "B", "my-app", "export", "export ", "=", "=", "=", "=", "\n", "\n",
    "\n", "\r\n", "\r", " ", " ", "\t", "#", " #", "\"", "\"", "'", "'", "\\", "\\\"", "\\'", "\\n", "\\x",
    "$A", "${A}", "${HELD}", "${NONE}", "${B:-", "${", ":", "}", "ä", "日本", "word", "\u{a0}", "\u{1c}",
    "\u{2028}", "\u{b}",
];

/// Reads each file as `load_dotenv()` does, and counts the statements that cannot be read.
const SCRIPT: &str = r"
import json, logging, sys
from dotenv.main import DotEnv
from dotenv.parser import parse_stream
logging.disable(logging.CRITICAL)
result = []
for path in json.load(sys.stdin):
    values = DotEnv(path, encoding='utf-8', override=False).dict()
    with open(path, encoding='utf-8') as stream:
        errors = sum(binding.error for binding in parse_stream(stream))
    result.append([{name: value for name, value in values.items() if value is not None}, errors])
json.dump(result, sys.stdout)
";

fn made_up(seed: u64) -> String {
    let mut random = fastrand::Rng::with_seed(seed);
    let length = random.usize(0..40);
    let fragments = iter::repeat_with(|| random.choice(FRAGMENTS).unwrap_or_default());
    fragments.take(length).collect()
}

/// A Python that has python-dotenv: the first in PATH, or Debian's.
fn python() -> &'static str {
    let has_dotenv = |python: &&str| {
        let found = Command::new(python).args(["-c", "import dotenv.parser"]).output();
        found.is_ok_and(|output| output.status.success())
    };
    let python = ["python3", "/usr/bin/python3"].into_iter().find(has_dotenv);
    python.expect("no python3 with python-dotenv; install the package python3-dotenv, as scripts/test does")
}

/// What python-dotenv makes of the files, with HELD in its environment.
fn as_python_reads(paths: &[String]) -> Value {
    let dir = tempfile::tempdir().unwrap();
    let list = dir.path().join("list");
    fs::write(&list, json!(paths).to_string()).unwrap();
    let mut command = Command::new(python());
    command.args(["-X", "utf8", "-c", SCRIPT]).stdin(fs::File::open(list).unwrap());
    for name in ["A", "B", "NONE"] {
        command.env_remove(name);
    }
    let output = command.env("HELD", "by the process").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn made_up_files_are_read_as_python_dotenv_reads_them() {
    let dir = tempfile::tempdir().unwrap();
    let texts: Vec<String> = (0..FILES).map(made_up).collect();
    let path = |index: usize| dir.path().join(index.to_string()).display().to_string();
    let paths: Vec<String> = (0..texts.len()).map(path).collect();
    for (path, text) in paths.iter().zip(&texts) {
        fs::write(path, text).unwrap();
    }
    let expected = as_python_reads(&paths);
    let process = map(&[("HELD", "by the process")]);
    let (mut values, mut unreadable) = (0, 0);
    for (text, expected) in texts.iter().zip(expected.as_array().unwrap()) {
        let read = Dotenv::read(text, &process);
        assert_eq!(json!([read.variables, read.unreadable_lines.len()]), *expected, "{text:?}");
        values += read.variables.len();
        unreadable += read.unreadable_lines.len();
    }
    // The files are worth reading: many statements of either kind.
    assert!(values > 500 && unreadable > 300, "{values} values, {unreadable} unreadable");
}
