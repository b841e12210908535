//! Requests to the HTTP server of a worker.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use crate::process::Process;

/// The whole response to `GET path`, with its status line; empty when the port is closed.
pub fn get(port: u16, path: &str) -> String {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect(address).map_or_else(|_| String::new(), |stream| request(stream, &get_request(path)))
}

/// The same for a worker whose `HTTP_ADDR` is `127.0.0.1:0`. Takes the address from the worker's log.
#[track_caller]
pub fn get_from_worker(worker: &Process, path: &str) -> String {
    send(address_of(worker), &get_request(path))
}

/// The whole response to a request that is written as it goes over the wire.
#[track_caller]
pub fn send(address: SocketAddr, text: &str) -> String {
    request(TcpStream::connect(address).unwrap(), text)
}

/// The same from a worker that may be killed meanwhile.
///
/// # Errors
/// When there is no connection, or it is lost.
pub fn try_send(address: SocketAddr, text: &str) -> io::Result<String> {
    try_request(TcpStream::connect(address)?, text)
}

/// The whole response to a form that is posted.
#[track_caller]
pub fn post_form(address: SocketAddr, path: &str, form: &str) -> String {
    send(address, &form_request(path, "Accept-Language: en", form))
}

/// The request that posts a form, with a further header.
pub fn form_request(path: &str, header: &str, form: &str) -> String {
    let length = form.len();
    let head = format!("Host: x\r\nContent-Type: application/x-www-form-urlencoded\r\n{header}");
    format!("POST {path} HTTP/1.1\r\n{head}\r\nContent-Length: {length}\r\n\r\n{form}")
}

/// Where a worker listens whose `HTTP_ADDR` is `127.0.0.1:0`.
#[track_caller]
pub fn address_of(worker: &Process) -> SocketAddr {
    let start = "on http://";
    worker.wait_for_log(start);
    let log = worker.log();
    log.split(start).nth(1).unwrap().split(['\n', '"']).next().unwrap().trim().parse().unwrap()
}

/// The code of a response, such as `200`; empty if there is none.
pub fn status(response: &str) -> &str {
    response.get(9..12).unwrap_or_default()
}

fn get_request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\n\r\n")
}

fn request(stream: TcpStream, text: &str) -> String {
    try_request(stream, text).unwrap()
}

fn try_request(mut stream: TcpStream, text: &str) -> io::Result<String> {
    let mut response = String::new();
    stream.write_all(text.as_bytes())?;
    stream.read_to_string(&mut response)?;
    Ok(response)
}
