//! Opens and closes connections to the broker, each within a bounded time. Never builds a URL, which would hold the
//! password. Reconnecting is left to `reconnect`, queues to `topology`.

use std::io::ErrorKind;
use std::net::Shutdown;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use amiquip::{
    AmqpValue, Auth, Channel, Connection, ConnectionBlockedNotification, ConnectionOptions, ConnectionTuning,
};
use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use crate::broker::amiquip_error::quoted;
use crate::broker::connection::amqp_socket::AmqpSocket;
use crate::broker::error::BrokerError;
use crate::config::broker::BrokerConfig;
use crate::config::broker::variables::BrokerVariables;
use crate::net::{self, ConnectError};
use crate::text::clean::{cut, one_line};
use crate::tls::{self, certificate_error};

mod amqp_socket;

/// Longest wait for a TCP connection to one address, and for each step of opening AMQP on it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Seconds between heartbeats. After two silent intervals, 20 s, amiquip ends the connection.
const HEARTBEAT: u16 = 10;

/// Longest wait for an orderly close. A broker with a memory alarm reads nothing from connections that publish, not even
/// their close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// Longest name or version of a broker, in characters.
const PROPERTY_MAX: usize = 64;

/// An AMQP connection with one channel.
pub struct BrokerConnection {
    /// For consuming, publishing and acking.
    pub channel: Channel,
    connection: Connection,
    /// The broker, its version and address, such as `RabbitMQ 3.10.8 at localhost:5672`.
    pub peer: String,
    /// The broker and its version, such as `RabbitMQ 3.10.8`.
    pub product: String,
    /// The variable with the name of the queue, for errors.
    pub(super) queue_variable: &'static str,
    /// The socket below the connection: shutting it down ends every call that hangs.
    pub(super) socket: Arc<mio::net::TcpStream>,
}

impl BrokerConnection {
    /// Opens a connection and a channel. Blocks for about half a minute at most, beside the resolver.
    ///
    /// # Errors
    /// When the broker is away or refuses the connection.
    pub fn open(config: &BrokerConfig) -> Result<Self, BrokerError> {
        Self::open_within(config, CONNECT_TIMEOUT)
    }

    /// Like [`Self::open`], on a thread of its own, so that the caller can wait for other events as well. If the caller
    /// drops the receiver, the thread closes the connection. The receiver is disconnected if no thread starts.
    #[must_use]
    pub fn open_in_background(config: &BrokerConfig) -> Receiver<Result<Self, BrokerError>> {
        let (sender, receiver) = bounded(1);
        let config = config.clone();
        let started = thread::Builder::new().name("broker-open".to_owned()).spawn(move || {
            if let Err(unsent) = sender.send(Self::open(&config))
                && let Ok(connection) = unsent.into_inner()
            {
                connection.close_quietly();
            }
        });
        if let Err(error) = started {
            log::error!("cannot start a thread to connect to the broker: {error}");
        }
        receiver
    }

    fn open_within(config: &BrokerConfig, timeout: Duration) -> Result<Self, BrokerError> {
        let stream = connect_tcp(config, timeout)?;
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
        let mut connection = opened.map_err(|error| open_error(error, config))?;
        let product = product(&connection);
        Ok(Self {
            channel: connection.open_channel(None)?,
            peer: format!("{product} at {}", address(config)),
            product,
            queue_variable: config.variables.queue,
            connection,
            socket: Arc::new(socket),
        })
    }

    /// One channel more. The broker closes a channel on which a call fails, and leaves the others alone.
    pub(super) fn open_channel(&mut self) -> Result<Channel, BrokerError> {
        Ok(self.connection.open_channel(None)?)
    }

    /// Notices of the broker when a memory or disk alarm makes it refuse messages, and when the alarm is over.
    ///
    /// # Errors
    /// When the connection is lost.
    pub fn listen_for_blocked(&mut self) -> Result<Receiver<ConnectionBlockedNotification>, BrokerError> {
        Ok(self.connection.listen_for_connection_blocked()?)
    }

    /// Closes the connection; waits up to three seconds for the broker. Messages that are not acked go back to their
    /// queue.
    ///
    /// # Errors
    /// Why the connection was lost before: amiquip reports the cause nowhere else.
    pub fn close(self) -> Result<(), BrokerError> {
        let Self { channel, connection, socket, .. } = self;
        let (sender, closed) = bounded(1);
        thread::Builder::new()
            .name("broker-close".to_owned())
            .spawn(move || {
                let result = connection.close();
                drop(channel);
                if let Err(late) = sender.send(result) {
                    log::debug!("a broker connection was closed late: {:?}", late.into_inner());
                }
            })
            .map_err(|error| BrokerError::Lost(format!("cannot start a thread to close it: {error}")))?;
        match closed.recv_timeout(CLOSE_TIMEOUT) {
            Ok(result) => Ok(result?),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                // Without heartbeats the thread would wait for ever.
                if let Err(error) = socket.shutdown(Shutdown::Both) {
                    log::debug!("shutting down the socket of a broker connection: {error}");
                }
                Err(BrokerError::Silent("it does not answer".to_owned()))
            }
        }
    }

    /// Like [`Self::close`]; logs an error at debug level. For when the work is done, or has failed already.
    pub fn close_quietly(self) {
        if let Err(error) = self.close() {
            log::debug!("closing a broker connection: {error}");
        }
    }
}

/// Opens the socket for amiquip.
fn connect_tcp(config: &BrokerConfig, timeout: Duration) -> Result<mio::net::TcpStream, BrokerError> {
    let BrokerVariables { host, port, .. } = config.variables;
    let unreachable =
        |cause| BrokerError::Unreachable { address: address(config), cause, variables: both(host, port) };
    net::connect(bare_host(config), config.port, timeout)
        .map_err(|error| match error {
            ConnectError::Unresolved(cause) => {
                BrokerError::Unresolved { host: config.host.clone(), cause, variable: host }
            }
            ConnectError::Unreachable(cause) => unreachable(cause),
        })
        .and_then(|stream| mio::net::TcpStream::from_stream(stream).map_err(unreachable))
}

/// Why the AMQP connection did not open.
fn open_error(error: amiquip::Error, config: &BrokerConfig) -> BrokerError {
    use amiquip::Error as E;
    let BrokerVariables { port, use_tls, username, password, vhost, .. } = config.variables;
    let address = address(config);
    let not_amqp = |address, cause: &str| BrokerError::NotAmqp {
        address,
        cause: cause.to_owned(),
        variables: both(port, use_tls),
    };
    match error {
        E::TlsHandshake { source } => BrokerError::Tls {
            address,
            cause: certificate_error(&source)
                .map_or_else(|| source.to_string(), |cause| format!("its certificate is refused: {cause}")),
        },
        E::InvalidCredentials | E::ServerClosedConnection { code: 403, .. } => BrokerError::Credentials {
            address,
            user: config.username.clone(),
            variables: both(username, password),
        },
        // NOT_ALLOWED: how both RabbitMQ and LavinMQ refuse a virtual host.
        E::ServerClosedConnection { code: 530, message } => BrokerError::Vhost {
            vhost: config.vhost.clone(),
            user: config.username.clone(),
            message: quoted(&message),
            variable: vhost,
        },
        E::ConnectionTimeout => not_amqp(address, "it says nothing, or is too busy to answer"),
        E::UnexpectedSocketClose => not_amqp(address, "it closes the connection at once"),
        E::IoErrorReadingSocket { source } if source.kind() == ErrorKind::InvalidData => {
            not_amqp(address, &source.to_string())
        }
        E::MalformedFrame | E::FrameUnexpected => not_amqp(address, "it speaks another protocol"),
        other => other.into(),
    }
}

/// Two variables for an error; they are one when both settings come from a URL.
fn both(first: &str, second: &str) -> String {
    if first == second { first.to_owned() } else { format!("{first} and {second}") }
}

/// The host for the resolver and for TLS: an IPv6 address without brackets.
fn bare_host(config: &BrokerConfig) -> &str {
    config.host.trim_start_matches('[').trim_end_matches(']')
}

/// Host and port, for errors and the log.
fn address(config: &BrokerConfig) -> String {
    let host = bare_host(config);
    if host.contains(':') { format!("[{host}]:{}", config.port) } else { format!("{host}:{}", config.port) }
}

/// Name and version, as the broker reports them.
fn product(connection: &Connection) -> String {
    let property = |key| match connection.server_properties().get(key) {
        Some(AmqpValue::LongString(text)) => Some(cut(one_line(text), PROPERTY_MAX)),
        _ => None,
    };
    match (property("product"), property("version")) {
        (Some(product), Some(version)) => format!("{product} {version}"),
        (Some(product), None) => product,
        _ => "a broker".to_owned(),
    }
}

#[cfg(test)]
mod tests;
