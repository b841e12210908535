//! What a process says on standard error outside its log: before there is one, and why it ends. As text, or as the lines of a JSON log.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::Utc;
use log::kv::Value;
use log::{Level, Record};

use crate::config::log::LogFormat;
use crate::observe::logging::line::write_json;
use crate::text::clean::printable;

/// Whether lines are JSON.
static JSON: AtomicBool = AtomicBool::new(false);
/// Whether the log goes to a file, so that it does not show what is written to standard error.
static LOGS_TO_FILE: AtomicBool = AtomicBool::new(false);

/// Sets the form of these lines.
pub fn set_format(format: LogFormat) {
    JSON.store(format == LogFormat::Json, Ordering::Relaxed);
}

/// Notes where the log goes.
pub(super) fn set_file(has_file: bool) {
    LOGS_TO_FILE.store(has_file, Ordering::Relaxed);
}

/// Has panics told in the same form, where that is JSON.
pub fn tell_of_panics() {
    if JSON.load(Ordering::Relaxed) {
        std::panic::set_hook(Box::new(|panic| {
            write(Level::Error, &[&format!("a bug in fanmail: {panic}")], None);
        }));
    }
}

/// Writes a warning.
pub fn warn(text: &str) {
    write(Level::Warn, &[text], None);
}

/// Writes why the process ends: an error and its causes, which may repeat text of a server. Of a process that works in the background, a
/// `LOG_FILE` has it as well.
pub fn report(error_and_causes: &[String], exit_code: u8, in_background: bool) {
    let texts: Vec<&str> = error_and_causes.iter().map(String::as_str).collect();
    if in_background && LOGS_TO_FILE.load(Ordering::Relaxed) {
        log::error!(exit_code = exit_code; "fanmail ends with exit code {exit_code}: {}", in_one(&texts));
    }
    write(Level::Error, &texts, Some(exit_code));
}

fn write(level: Level, texts: &[&str], exit_code: Option<u8>) {
    let mut line = Vec::new();
    if JSON.load(Ordering::Relaxed) {
        let facts = exit_code.map(|code| ("exit_code", Value::from(code)));
        let mut record = Record::builder();
        record.level(level).target("fanmail").key_values(&facts);
        match write_json(&mut line, Utc::now(), &record.args(format_args!("{}", in_one(texts))).build()) {
            // Writing to memory does not fail.
            Ok(()) | Err(_) => {}
        }
    } else {
        line.extend(format!("fanmail: {}\n", printable(&texts.join("\n  caused by: "))).bytes());
    }
    // Where standard error is closed, nothing can be told.
    match io::stderr().write_all(&line) {
        Ok(()) | Err(_) => {}
    }
}

fn in_one(texts: &[&str]) -> String {
    texts.join("; caused by: ")
}
