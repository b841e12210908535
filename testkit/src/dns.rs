//! A DNS server (RFC 1035) on loopback, over UDP and TCP, with the records that a test gives it. It says of other names that they do not
//! exist. It ends with the test.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use crate::sync::lock;

/// Bytes of a header (RFC 1035 section 4.1.1).
const HEADER: usize = 12;

/// Longest reply over UDP. Longer ones are truncated, and asked for over TCP.
const UDP_MAX: usize = 1200;

/// One record, or what is wrong with a name.
#[derive(Debug, Clone)]
pub enum Record {
    /// A TXT record, of any length and with any bytes.
    Text(Vec<u8>),
    /// A mail exchanger; empty for the root, `.`.
    Exchange(String),
    /// An address.
    Address(Ipv4Addr),
    /// The name is there, with no record of any kind.
    Nothing,
    /// The reply is this code, such as 2 for SERVFAIL and 5 for REFUSED.
    Code(u8),
    /// There is no reply.
    Silence,
    /// The reply is no message of DNS.
    Garbage,
}

impl Record {
    /// A TXT record.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into().into_bytes())
    }

    /// Type and data (section 3.2.2), if it is one.
    fn data(&self) -> Option<(u16, Vec<u8>)> {
        match self {
            Self::Text(text) => {
                let string = |bytes: &[u8]| [&[u8::try_from(bytes.len()).unwrap()], bytes].concat();
                Some((16, text.chunks(255).flat_map(string).collect()))
            }
            Self::Exchange(host) => {
                let mut data = vec![0, 10];
                for label in host.split('.').filter(|label| !label.is_empty()) {
                    data.push(u8::try_from(label.len()).unwrap());
                    data.extend_from_slice(label.as_bytes());
                }
                data.push(0);
                Some((15, data))
            }
            Self::Address(address) => Some((1, address.octets().to_vec())),
            Self::Nothing | Self::Code(_) | Self::Silence | Self::Garbage => None,
        }
    }
}

/// Names, in small letters, with their records.
type Zone = BTreeMap<String, Vec<Record>>;

/// The server.
pub struct DnsServer {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    zone: Zone,
    asked: Mutex<Vec<String>>,
    over_tcp: Mutex<usize>,
    has_ended: AtomicBool,
}

impl DnsServer {
    /// Starts it with these records.
    pub fn start(records: impl IntoIterator<Item = (String, Record)>) -> Self {
        let mut zone = Zone::new();
        for (name, record) in records {
            zone.entry(name).or_default().push(record);
        }
        let (udp, tcp) = sockets();
        let address = udp.local_addr().unwrap();
        let shared = Arc::new(Shared {
            zone,
            asked: Mutex::default(),
            over_tcp: Mutex::default(),
            has_ended: AtomicBool::new(false),
        });
        let (for_udp, for_tcp) = (Arc::clone(&shared), Arc::clone(&shared));
        let threads = vec![
            thread::spawn(move || serve_udp(&udp, &for_udp)),
            thread::spawn(move || serve_tcp(&tcp, &for_tcp)),
        ];
        Self { address, shared, threads }
    }

    /// The names that were asked for so far.
    pub fn asked(&self) -> Vec<String> {
        lock(&self.shared.asked).clone()
    }

    /// How many questions came over TCP.
    pub fn over_tcp(&self) -> usize {
        *lock(&self.shared.over_tcp)
    }
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        self.shared.has_ended.store(true, Ordering::SeqCst);
        // What wakes the threads; one that has ended already needs no waking.
        if let Ok(socket) = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)) {
            drop(socket.send_to(&[], self.address));
        }
        drop(TcpStream::connect(self.address));
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

/// Two sockets with the same port.
fn sockets() -> (UdpSocket, TcpListener) {
    loop {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()) {
            return (udp, tcp);
        }
    }
}

fn serve_udp(socket: &UdpSocket, shared: &Shared) {
    let mut buffer = [0; 4096];
    loop {
        let received = socket.recv_from(&mut buffer);
        if shared.has_ended.load(Ordering::SeqCst) {
            return;
        }
        let Ok((length, client)) = received else { continue };
        let Some(mut reply) = shared.reply(&buffer[..length]) else { continue };
        if reply.len() > UDP_MAX {
            let question = question_end(&reply).unwrap();
            reply.truncate(question);
            // Truncated, and without answers.
            reply[2] |= 2;
            reply[6..8].fill(0);
        }
        // A client that has gone needs no reply.
        drop(socket.send_to(&reply, client));
    }
}

/// A client may keep its connection open; the thread of one ends when the client closes it.
fn serve_tcp(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.has_ended.load(Ordering::SeqCst) {
            return;
        }
        if let Ok(mut stream) = stream {
            let shared = Arc::clone(shared);
            // A client that has gone needs no reply.
            thread::spawn(move || drop(serve_stream(&mut stream, &shared)));
        }
    }
}

/// Each message has its length in front of it (section 4.2.2).
fn serve_stream(stream: &mut TcpStream, shared: &Shared) -> io::Result<()> {
    loop {
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut query)?;
        *lock(&shared.over_tcp) += 1;
        let Some(reply) = shared.reply(&query) else { return Ok(()) };
        let length = u16::try_from(reply.len()).unwrap();
        stream.write_all(&[&length.to_be_bytes(), &reply[..]].concat())?;
    }
}

/// Where the question of a message ends.
fn question_end(message: &[u8]) -> Option<usize> {
    let mut at = HEADER;
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1 + length;
        if length == 0 {
            return Some(at + 4);
        }
    }
}

impl Shared {
    /// The reply to a query; `None` if there is none.
    fn reply(&self, query: &[u8]) -> Option<Vec<u8>> {
        let question = query.get(HEADER..question_end(query)?)?;
        let (name, kind) = question.split_at(question.len() - 4);
        let kind = u16::from_be_bytes([kind[0], kind[1]]);
        let name = text_of(name);
        let records = self.zone.get(&name);
        lock(&self.asked).push(name);
        let code = match records.and_then(|records| records.first()) {
            Some(Record::Silence) => return None,
            Some(Record::Garbage) => return Some([&query[..2], &[0xff; 40]].concat()),
            Some(Record::Code(code)) => *code,
            Some(_) => 0,
            // A name that does not exist.
            None => 3,
        };
        let answers = records.into_iter().flatten().filter_map(Record::data).filter(|(of, _)| *of == kind);
        let answers: Vec<(u16, Vec<u8>)> = answers.collect();
        // A response, with recursion.
        let mut reply = [&query[..2], &[0x81, 0x80 | code, 0, 1]].concat();
        reply.extend(u16::try_from(answers.len()).unwrap().to_be_bytes());
        reply.extend([0; 4]);
        reply.extend_from_slice(question);
        for (kind, data) in answers {
            // The name is that of the question (section 4.1.4); class IN, one minute.
            reply.extend([0xc0, 12]);
            reply.extend(kind.to_be_bytes());
            reply.extend([0, 1, 0, 0, 0, 60]);
            reply.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
            reply.extend(data);
        }
        Some(reply)
    }
}

/// Labels with dots between them, in small letters.
fn text_of(mut labels: &[u8]) -> String {
    let mut name = Vec::new();
    while let Some((length, rest)) = labels.split_first().filter(|(length, _)| **length > 0) {
        let (label, rest) = rest.split_at(usize::from(*length));
        name.push(String::from_utf8_lossy(label).to_lowercase());
        labels = rest;
    }
    name.join(".")
}
