//! Opening and closing a connection to the broker, always within bounded time, and declaring a queue. No URL
//! with a password is ever built.

use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use amiquip::{
    AmqpValue, Auth, Channel, Connection, ConnectionBlockedNotification, ConnectionOptions, ConnectionTuning,
};
use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use crate::broker::connection::amqp_socket::AmqpSocket;
use crate::broker::error::BrokerError;
use crate::config::broker::BrokerConfig;
use crate::net::{self, ConnectError};
use crate::tls::{self, certificate_error};

mod amqp_socket;

/// Longest wait for one TCP connection, and for each step of opening AMQP on it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Seconds between signs of life. The broker is given up after two silent intervals: 20 s.
const HEARTBEAT: u16 = 10;

/// Longest wait for an orderly goodbye. A broker with a memory alarm does not read from connections that
/// publish, not even their goodbye.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// One connection with one channel on it.
pub struct BrokerConnection {
    /// Where the work happens.
    pub channel: Channel,
    connection: Connection,
    /// Who is at the other end, such as `RabbitMQ 3.10.8 at localhost:5672`.
    pub peer: String,
    /// What that is, such as `RabbitMQ 3.10.8`.
    pub product: String,
    /// The socket below the connection, to cut it when nothing else helps.
    pub(super) socket: Arc<mio::net::TcpStream>,
}

impl BrokerConnection {
    /// Opens a connection and a channel. Blocks for at most a few times ten seconds.
    ///
    /// # Errors
    /// With cause and cure, when the broker is away or does not want us.
    pub fn open(config: &BrokerConfig) -> Result<Self, BrokerError> {
        Self::open_within(config, CONNECT_TIMEOUT)
    }

    /// Does the same on a thread of its own and hands over the result, so that the caller may wait for other
    /// things as well. Whoever does not want it any more drops the receiver. No result, if there is no thread.
    #[must_use]
    pub fn open_elsewhere(config: &BrokerConfig) -> Receiver<Result<Self, BrokerError>> {
        let (sender, receiver) = bounded(1);
        let config = config.clone();
        let started = thread::Builder::new().name("broker-open".to_owned()).spawn(move || {
            if let Err(unwanted) = sender.send(Self::open(&config))
                && let Ok(connection) = unwanted.into_inner()
            {
                connection.close_quietly();
            }
        });
        if let Err(error) = started {
            log::error!("no thread to connect to the broker: {error}");
        }
        receiver
    }

    fn open_within(config: &BrokerConfig, timeout: Duration) -> Result<Self, BrokerError> {
        let stream = connect(config, timeout)?;
        let socket = stream.try_clone().map_err(|error| BrokerError::Lost(error.to_string()))?;
        let options = ConnectionOptions::default()
            .auth(Auth::Plain {
                username: config.username.clone(),
                password: config.password.expose().to_owned(),
            })
            .virtual_host(config.vhost.as_str())
            .heartbeat(HEARTBEAT)
            .connection_timeout(Some(timeout))
            .information(Some(concat!("fanmail ", env!("CARGO_PKG_VERSION")).to_owned()));
        let tuning = ConnectionTuning::default();
        let opened = if config.tls {
            let connector = tls::connector(config.ca_certificates.as_slice())
                .map_err(|error| BrokerError::Tls { address: address(config), cause: error.to_string() })?;
            Connection::open_tls_stream(connector, bare_host(config), stream, options, tuning)
        } else {
            Connection::insecure_open_stream(AmqpSocket::new(stream), options, tuning)
        };
        let mut connection = opened.map_err(|error| refused(error, config))?;
        let product = product(&connection);
        Ok(Self {
            channel: connection.open_channel(None)?,
            peer: format!("{product} at {}", address(config)),
            product,
            connection,
            socket: Arc::new(socket),
        })
    }

    /// Tells when the broker begins and ceases to refuse messages, because of an alarm.
    ///
    /// # Errors
    /// When the connection is lost.
    pub fn listen_for_blocked(&mut self) -> Result<Receiver<ConnectionBlockedNotification>, BrokerError> {
        Ok(self.connection.listen_for_connection_blocked()?)
    }

    /// Says goodbye and waits for the answer, but no longer than three seconds. All that was received and not
    /// acked goes back to its queue.
    ///
    /// # Errors
    /// Why the connection was lost, if it was: amiquip tells the cause nowhere else.
    pub fn close(self) -> Result<(), BrokerError> {
        let Self { channel, connection, socket, .. } = self;
        let (done, closed) = bounded(1);
        thread::Builder::new()
            .name("broker-close".to_owned())
            .spawn(move || {
                let result = connection.close();
                drop(channel);
                if let Err(late) = done.send(result) {
                    log::debug!("a broker connection was closed late: {:?}", late.into_inner());
                }
            })
            .map_err(|error| BrokerError::Lost(format!("no thread to close it: {error}")))?;
        match closed.recv_timeout(CLOSE_TIMEOUT) {
            Ok(result) => Ok(result?),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                // Or the thread would wait for ever for a broker without heartbeats.
                if let Err(gone) = socket.shutdown(Shutdown::Both) {
                    log::debug!("cutting a broker connection: {gone}");
                }
                Err(BrokerError::Lost("it does not answer".to_owned()))
            }
        }
    }

    /// Closes, and only remarks it when that fails: for when the work is done or already reported as failed.
    pub fn close_quietly(self) {
        if let Err(error) = self.close() {
            log::debug!("closing a broker connection: {error}");
        }
    }
}

/// A TCP connection in the form that amiquip takes.
fn connect(config: &BrokerConfig, timeout: Duration) -> Result<mio::net::TcpStream, BrokerError> {
    let unreachable = |source| BrokerError::Unreachable { address: address(config), source };
    net::connect(bare_host(config), config.port, timeout)
        .map_err(|error| match error {
            ConnectError::Unresolved(source) => BrokerError::Unresolved { host: config.host.clone(), source },
            ConnectError::Unreachable(source) => unreachable(source),
        })
        .and_then(|stream| mio::net::TcpStream::from_stream(stream).map_err(unreachable))
}

/// Why the broker did not open the connection.
fn refused(error: amiquip::Error, config: &BrokerConfig) -> BrokerError {
    use amiquip::Error as E;
    let address = address(config);
    match error {
        E::TlsHandshake { source } => BrokerError::Tls {
            address,
            cause: certificate_error(&source)
                .map_or_else(|| source.to_string(), |found| format!("its certificate is refused: {found}")),
        },
        E::InvalidCredentials | E::ServerClosedConnection { code: 403, .. } => {
            BrokerError::Credentials { address, user: config.username.clone() }
        }
        // NOT_ALLOWED: how both RabbitMQ and LavinMQ refuse a virtual host.
        E::ServerClosedConnection { code: 530, message } => {
            BrokerError::Vhost { vhost: config.vhost.clone(), user: config.username.clone(), message }
        }
        E::ConnectionTimeout => {
            BrokerError::NotAmqp { address, cause: "it says nothing, or is too busy to".to_owned() }
        }
        E::UnexpectedSocketClose => {
            BrokerError::NotAmqp { address, cause: "it closes the connection at once".to_owned() }
        }
        E::IoErrorReadingSocket { source } if source.kind() == io::ErrorKind::InvalidData => {
            BrokerError::NotAmqp { address, cause: source.to_string() }
        }
        E::MalformedFrame | E::FrameUnexpected => {
            BrokerError::NotAmqp { address, cause: "it speaks another protocol".to_owned() }
        }
        other => other.into(),
    }
}

/// The host for the resolver and for TLS: an IPv6 address without its brackets.
fn bare_host(config: &BrokerConfig) -> &str {
    config.host.trim_start_matches('[').trim_end_matches(']')
}

/// Host and port, for people.
fn address(config: &BrokerConfig) -> String {
    let host = bare_host(config);
    if host.contains(':') { format!("[{host}]:{}", config.port) } else { format!("{host}:{}", config.port) }
}

/// Name and version of the broker, as it tells them.
fn product(connection: &Connection) -> String {
    let told = |key| match connection.server_properties().get(key) {
        Some(AmqpValue::LongString(text)) => Some(text.as_str()),
        _ => None,
    };
    match (told("product"), told("version")) {
        (Some(product), Some(version)) => format!("{product} {version}"),
        (Some(product), None) => product.to_owned(),
        _ => "a broker".to_owned(),
    }
}

#[cfg(test)]
mod tests;
