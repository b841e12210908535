//! Readers of calendar entries that are not fanmail's: Python's icalendar with its email package, and a calendar with the logic of a mail
//! client around ical.js. `tests/calendar/` has the programs, `scripts/lib/publishers.sh` installs their libraries.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::installed::{installed, run_with_json};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/calendar");

/// What these mails say to a calendar, as icalendar reads them. A mail is checked as well: where its entry is, and its lines.
pub fn read_mails(mails: &[String]) -> Vec<Value> {
    let mut command = Command::new(installed("bin/python"));
    command.arg(Path::new(FOLDER).join("read.py"));
    run_with_json(command, &json!(mails))
}

/// What becomes of a calendar to which these entries come, one after another: `taken` has what ical.js reads of each, with the `action` of
/// the calendar, `shown` the entries that are left.
pub fn take(entries: &[&str]) -> Value {
    let dir = tempfile::Builder::new().prefix("fanmail-calendar-").tempdir().unwrap();
    fs::copy(Path::new(FOLDER).join("client.mjs"), dir.path().join("client.mjs")).unwrap();
    symlink(installed("node/node_modules"), dir.path().join("node_modules")).unwrap();
    let mut command = Command::new(installed("bin/node"));
    command.arg("client.mjs").current_dir(dir.path());
    run_with_json(command, &json!(entries))
}
