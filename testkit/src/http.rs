//! Requests to the HTTP server of a worker.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use crate::process::Process;

/// The whole response to `GET path`, with its status line; empty when the port is closed.
pub fn get(port: u16, path: &str) -> String {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect(address).map_or_else(|_| String::new(), |stream| request(stream, path))
}

/// The same for a worker whose `HTTP_ADDR` is `127.0.0.1:0`. Takes the address from the worker's log.
#[track_caller]
pub fn get_from_worker(worker: &Process, path: &str) -> String {
    let start = "on http://";
    worker.wait_for_log(start);
    let log = worker.log();
    let address = log.split(start).nth(1).unwrap().split(['\n', '"']).next().unwrap().trim();
    request(TcpStream::connect(address).unwrap(), path)
}

fn request(mut stream: TcpStream, path: &str) -> String {
    let mut response = String::new();
    stream.write_all(format!("GET {path} HTTP/1.1\r\n\r\n").as_bytes()).unwrap();
    stream.read_to_string(&mut response).unwrap();
    response
}
