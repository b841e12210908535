//! Opens and closes connections to one host of the broker, each within a bounded time. Never builds a URL, which would hold
//! the password. Trying several hosts is left to `hosts`, reconnecting to `reconnect`, queues to `topology`.

use std::net::Shutdown;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use amiquip::{
    Auth, Channel, Connection, ConnectionBlockedNotification, ConnectionOptions, ConnectionTuning,
};
use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use crate::broker::connection::amqp_socket::AmqpSocket;
use crate::broker::connection::failures::{connect_tcp, open_error};
use crate::broker::error::BrokerError;
use crate::broker::product;
use crate::config::broker::BrokerConfig;
use crate::domain::session::AckWriting;
use crate::tls;
use crate::version::VERSION;

mod amqp_socket;
mod failures;
mod hosts;

/// Longest wait for a TCP connection to one address, and for each step of opening AMQP on it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Seconds between heartbeats. After two silent intervals, 20 s, amiquip ends the connection.
const HEARTBEAT: u16 = 10;

/// Longest wait for an orderly close. A broker with a memory alarm reads nothing from connections that publish, not even
/// their close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// A host that could not be used.
#[derive(Debug)]
pub(super) struct HostFailure {
    /// Its number in the configuration.
    pub(super) host: usize,
    pub(super) error: BrokerError,
}

/// An AMQP connection with one channel.
pub struct BrokerConnection {
    /// For consuming, publishing and acking.
    pub channel: Channel,
    connection: Connection,
    /// The broker, its version and address, such as `RabbitMQ 3.10.8 at localhost:5672`.
    pub peer: String,
    /// The host in use, its number in the configuration.
    pub(super) host: usize,
    /// The hosts that were tried before it.
    pub(super) passed_over: Vec<HostFailure>,
    /// The broker and its version, such as `RabbitMQ 3.10.8`.
    pub product: String,
    /// The variable with the name of the queue, for errors.
    pub(super) queue_variable: &'static str,
    /// The socket below the connection: shutting it down ends every call that hangs.
    pub(super) socket: Arc<mio::net::TcpStream>,
}

impl BrokerConnection {
    /// Opens a connection to the host of this number, and a channel. Blocks for about half a minute at most, beside the
    /// resolver.
    ///
    /// # Errors
    /// When the broker is away or refuses the connection.
    fn open_host(config: &BrokerConfig, number: usize, timeout: Duration) -> Result<Self, BrokerError> {
        let Some(host) = config.hosts.get(number) else {
            return Err(BrokerError::Lost("no host of the broker has this number".to_owned()));
        };
        let stream = connect_tcp(config, host, timeout)?;
        let socket = stream.try_clone().map_err(|error| BrokerError::Lost(error.to_string()))?;
        let options = ConnectionOptions::default()
            .auth(Auth::Plain {
                username: config.username.clone(),
                password: config.password.expose().to_owned(),
            })
            .virtual_host(config.vhost.as_str())
            .heartbeat(HEARTBEAT)
            .connection_timeout(Some(timeout))
            .information(Some(format!("fanmail {VERSION}")));
        let tuning = ConnectionTuning::default();
        let opened = if config.tls {
            let connector = tls::connector(config.ca_certificates.as_slice())
                .map_err(|error| BrokerError::Tls { address: host.to_string(), cause: error.to_string() })?;
            Connection::open_tls_stream(connector, &host.name, stream, options, tuning)
        } else {
            Connection::insecure_open_stream(AmqpSocket::new(stream), options, tuning)
        };
        let mut connection = opened.map_err(|error| open_error(error, config, host))?;
        let product = product::of(&connection);
        Ok(Self {
            channel: connection.open_channel(None)?,
            peer: format!("{product} at {host}"),
            host: number,
            passed_over: Vec::new(),
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
                let result = match connection.close() {
                    // amiquip's thread says so when it finds the connection dropped right after it has handed over the broker's answer.
                    Err(amiquip::Error::EventLoopClientDropped) => Ok(()),
                    result => result,
                };
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

    /// When the broker writes acks to its disk.
    pub fn ack_writing(&self) -> AckWriting {
        product::ack_writing(&self.product)
    }

    /// Like [`Self::close`]; logs an error at debug level. For when the work is done, or has failed already.
    pub fn close_quietly(self) {
        if let Err(error) = self.close() {
            log::debug!("closing a broker connection: {error}");
        }
    }
}

#[cfg(test)]
mod tests;
