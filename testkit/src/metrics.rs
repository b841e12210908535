//! The metrics of a worker whose `HTTP_ADDR` is `127.0.0.1:0`.

use crate::http;
use crate::process::Process;

/// The value of a metric without labels that counts something.
#[track_caller]
pub fn metric(worker: &Process, name: &str) -> usize {
    value(worker, name).parse().unwrap()
}

/// The value of a metric without labels that measures something.
#[track_caller]
pub fn measured(worker: &Process, name: &str) -> f64 {
    value(worker, name).parse().unwrap()
}

#[track_caller]
fn value(worker: &Process, name: &str) -> String {
    let response = http::get_from_worker(worker, "/metrics");
    let line = response.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("no {name} in {response}")).to_owned()
}
