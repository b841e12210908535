//! A publisher that writes AMQP 0-9-1 frames itself, for messages that no client library accepts: names and properties
//! that are not UTF-8.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use crate::broker::{Broker, PASSWORD, USER};

/// `basic` (AMQP 0-9-1 section 1.8).
const BASIC: u16 = 60;

/// A connection with one channel in confirm mode.
pub struct RawPublisher {
    stream: TcpStream,
}

/// The properties of one message, as bytes.
#[derive(Debug, Clone, Default)]
pub struct RawProperties {
    headers: Vec<u8>,
    priority: Option<u8>,
    correlation_id: Option<Vec<u8>>,
    reply_to: Option<Vec<u8>>,
    expiration: Option<Vec<u8>>,
    message_id: Option<Vec<u8>>,
}

impl RawProperties {
    /// Adds a header with a long string.
    pub fn header(mut self, name: &[u8], value: &[u8]) -> Self {
        self.headers.extend([short(name), vec![b'S'], long(value)].concat());
        self
    }

    /// `priority`.
    pub fn priority(mut self, priority: u8) -> Self {
        self.priority = Some(priority);
        self
    }

    /// `correlation_id` and `reply_to`, of 255 bytes at most.
    pub fn request(mut self, correlation_id: &[u8], reply_to: &[u8]) -> Self {
        self.correlation_id = Some(short(correlation_id));
        self.reply_to = Some(short(reply_to));
        self
    }

    /// `expiration`: milliseconds, as text.
    pub fn expiration(mut self, milliseconds: &[u8]) -> Self {
        self.expiration = Some(short(milliseconds));
        self
    }

    /// `message_id`, of 255 bytes at most.
    pub fn message_id(mut self, id: &[u8]) -> Self {
        self.message_id = Some(short(id));
        self
    }

    /// The flags of the properties that are set, then their values in the order of the flags.
    fn encode(&self) -> Vec<u8> {
        let headers = (!self.headers.is_empty()).then(|| long(&self.headers));
        let priority = self.priority.map(|priority| vec![priority]);
        let properties = [
            (0x2000_u16, headers),
            (0x0800, priority),
            (0x0400, self.correlation_id.clone()),
            (0x0200, self.reply_to.clone()),
            (0x0100, self.expiration.clone()),
            (0x0080, self.message_id.clone()),
        ];
        let there = || properties.iter().filter_map(|(flag, value)| Some((flag, value.as_ref()?)));
        let flags = there().fold(0, |flags, (flag, _)| flags | flag);
        let mut encoded = flags.to_be_bytes().to_vec();
        encoded.extend(there().flat_map(|(_, value)| value));
        encoded
    }
}

impl RawPublisher {
    /// Connects and logs in.
    pub fn connect(broker: &Broker) -> Self {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, broker.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut publisher = Self { stream };
        publisher.stream.write_all(b"AMQP\x00\x00\x09\x01").unwrap();
        publisher.expect(10, 10);
        let login = format!("\0{USER}\0{PASSWORD}");
        let start_ok = [long(b""), short(b"PLAIN"), long(login.as_bytes()), short(b"en_US")].concat();
        publisher.method(0, 10, 11, &start_ok);
        publisher.expect(10, 30);
        // tune-ok: one channel, frames of 128 KiB, no heartbeats.
        publisher.method(0, 10, 31, &[0, 1, 0, 2, 0, 0, 0, 0]);
        publisher.method(0, 10, 40, &[short(b"/"), short(b""), vec![0]].concat());
        publisher.expect(10, 41);
        publisher.method(1, 20, 10, &short(b""));
        publisher.expect(20, 11);
        publisher.method(1, 85, 10, &[0]);
        publisher.expect(85, 11);
        publisher
    }

    /// Publishes and waits for the broker's confirm.
    pub fn publish(&mut self, exchange: &str, routing_key: &[u8], properties: &RawProperties, body: &[u8]) {
        let publish = [vec![0, 0], short(exchange.as_bytes()), short(routing_key), vec![0]].concat();
        self.method(1, BASIC, 40, &publish);
        let mut header = [BASIC.to_be_bytes(), [0, 0]].concat();
        header.extend((body.len() as u64).to_be_bytes());
        header.extend(properties.encode());
        self.frame(2, 1, &header);
        if !body.is_empty() {
            self.frame(3, 1, body);
        }
        self.expect(BASIC, 80);
    }

    fn method(&mut self, channel: u16, class: u16, method: u16, arguments: &[u8]) {
        let mut payload = [class.to_be_bytes(), method.to_be_bytes()].concat();
        payload.extend(arguments);
        self.frame(1, channel, &payload);
    }

    fn frame(&mut self, kind: u8, channel: u16, payload: &[u8]) {
        let mut frame = vec![kind];
        frame.extend(channel.to_be_bytes());
        frame.extend(long(payload));
        frame.push(0xCE);
        self.stream.write_all(&frame).unwrap();
    }

    /// Reads the next method and checks that it is this one.
    fn expect(&mut self, class: u16, method: u16) {
        let mut head = [0; 7];
        self.stream.read_exact(&mut head).unwrap();
        let size = u32::from_be_bytes(head[3..7].try_into().unwrap());
        let mut payload = vec![0; usize::try_from(size).unwrap() + 1];
        self.stream.read_exact(&mut payload).unwrap();
        let expected = [class.to_be_bytes(), method.to_be_bytes()].concat();
        assert_eq!((head[0], &payload[..4]), (1, &expected[..]), "{}", String::from_utf8_lossy(&payload));
    }
}

/// A short string: one octet for its length.
fn short(text: &[u8]) -> Vec<u8> {
    [&[u8::try_from(text.len()).unwrap()], text].concat()
}

/// A long string, or a table: four octets for its length.
fn long(text: &[u8]) -> Vec<u8> {
    [&u32::try_from(text.len()).unwrap().to_be_bytes()[..], text].concat()
}
