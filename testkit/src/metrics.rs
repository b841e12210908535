//! The metrics of a worker whose `HTTP_ADDR` is `127.0.0.1:0`.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::process::Process;

/// The whole response of the worker to `GET path`. Takes the address from the worker's log.
#[track_caller]
pub fn ask(worker: &Process, path: &str) -> String {
    let start = "on http://";
    worker.wait_for_log(start);
    let log = worker.log();
    let address = log.split(start).nth(1).unwrap().split(['\n', '"']).next().unwrap().trim();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The value of a metric without labels.
#[track_caller]
pub fn metric(worker: &Process, name: &str) -> usize {
    let answer = ask(worker, "/metrics");
    let line = answer.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("no {name} in {answer}")).parse().unwrap()
}
