//! A stand-in for a Consul agent: the parts of its documented HTTP API that register services (`/v1/agent/service/register`,
//! `/v1/agent/check/update/ID`, `/v1/agent/service/deregister/ID`). It is not Consul, and knows no cluster. It ends with the test.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;

use crate::sync::lock;

/// A running agent that wants this token.
pub struct ConsulAgent {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    token: String,
    /// ID → what was registered, with the newest status and output of its check.
    services: Mutex<BTreeMap<String, Value>>,
    registrations: Mutex<usize>,
    is_slow: AtomicBool,
    has_no_leader: AtomicBool,
    ends: AtomicBool,
}

impl ConsulAgent {
    /// Starts it.
    pub fn start(token: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State { token: token.to_owned(), ..State::default() });
        let shared = Arc::clone(&state);
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.ends.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&shared);
                // A client may keep its connection.
                thread::spawn(move || shared.serve(&stream.unwrap()));
            }
        });
        Self { address, state, thread: Some(thread) }
    }

    /// The services, with the `Status` and the `Output` of their check.
    pub fn services(&self) -> Vec<Value> {
        lock(&self.state.services).values().cloned().collect()
    }

    /// How often a service was registered.
    pub fn registrations(&self) -> usize {
        *lock(&self.state.registrations)
    }

    /// Forgets all services, as an agent does that is started anew without its data.
    pub fn forget(&self) {
        lock(&self.state.services).clear();
    }

    /// From now on, requests get no answer.
    pub fn hang(&self) {
        self.state.is_slow.store(true, Ordering::SeqCst);
    }

    /// From now on, or no longer: checks cannot be updated and services not be registered, as when the cluster has no leader.
    pub fn has_no_leader(&self, has_none: bool) {
        self.state.has_no_leader.store(has_none, Ordering::SeqCst);
    }
}

impl Drop for ConsulAgent {
    fn drop(&mut self) {
        self.state.ends.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl State {
    fn serve(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        while let Some((path, token, body)) = read_request(&mut reader) {
            while self.is_slow.load(Ordering::SeqCst) && !self.ends.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(10));
            }
            let (status, text) = if token == self.token {
                (self.answer(&path, &body), String::new())
            } else {
                ("403 Forbidden", format!("token {token} has no right to service:write"))
            };
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{text}", text.len());
            if (&mut &*stream).write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }

    fn answer(&self, path: &str, body: &[u8]) -> &'static str {
        let mut services = lock(&self.services);
        if self.has_no_leader.load(Ordering::SeqCst) && !path.contains("/deregister/") {
            return "500 Internal Server Error";
        }
        if path == "/v1/agent/service/register?replace-existing-checks=true" {
            let service: Value = serde_json::from_slice(body).unwrap();
            *lock(&self.registrations) += 1;
            services.insert(service["ID"].as_str().unwrap().to_owned(), service);
            return "200 OK";
        }
        if let Some(id) = path.strip_prefix("/v1/agent/service/deregister/") {
            return if services.remove(id).is_some() { "200 OK" } else { "404 Not Found" };
        }
        let check = path.strip_prefix("/v1/agent/check/update/");
        let Some(service) =
            services.values_mut().find(|service| service["Check"]["CheckID"].as_str() == check)
        else {
            return "404 Not Found";
        };
        let update: Value = serde_json::from_slice(body).unwrap();
        for field in ["Status", "Output"] {
            service["Check"][field] = update[field].clone();
        }
        "200 OK"
    }
}

/// Path, token and body of the next request on a connection; `None` at its end.
fn read_request(reader: &mut BufReader<&TcpStream>) -> Option<(String, String, Vec<u8>)> {
    let mut line = String::new();
    let mut head = BTreeMap::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let path = line.strip_prefix("PUT ").expect("all requests are PUTs").split(' ').next()?.to_owned();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.split_once(':') else { break };
        head.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = head.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((path, head.remove("x-consul-token").unwrap_or_default(), body))
}
