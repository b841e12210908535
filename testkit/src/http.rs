//! Requests to the HTTP server of a worker.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};

/// The whole response to `GET path`, with its status line; empty when the port is closed.
pub fn get(port: u16, path: &str) -> String {
    let mut answer = String::new();
    if let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
        stream.write_all(format!("GET {path} HTTP/1.1\r\n\r\n").as_bytes()).unwrap();
        stream.read_to_string(&mut answer).unwrap();
    }
    answer
}
