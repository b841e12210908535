//! Why a host of the broker cannot be connected to: reads what amiquip, TLS and the resolver say, and names the variables to
//! check. What a broker does with an open connection is left to `amiquip_error`.

use std::io::ErrorKind;
use std::time::Duration;

use crate::broker::amiquip_error::quoted;
use crate::broker::error::BrokerError;
use crate::config::broker::BrokerConfig;
use crate::config::broker::hosts::BrokerHost;
use crate::config::broker::variables::BrokerVariables;
use crate::net::{self, ConnectError};
use crate::tls::certificate_error;

/// Opens the socket for amiquip.
pub(super) fn connect_tcp(
    config: &BrokerConfig,
    at: &BrokerHost,
    timeout: Duration,
) -> Result<mio::net::TcpStream, BrokerError> {
    let BrokerVariables { host, port, .. } = config.variables;
    let unreachable =
        |cause| BrokerError::Unreachable { address: at.to_string(), cause, variables: both(host, port) };
    net::connect(&at.name, at.port, timeout)
        .map_err(|error| match error {
            ConnectError::Unresolved(cause) => {
                BrokerError::Unresolved { host: at.name.clone(), cause, variable: host }
            }
            ConnectError::Unreachable(cause) => unreachable(cause),
        })
        .and_then(|stream| mio::net::TcpStream::from_stream(stream).map_err(unreachable))
}

/// Why the AMQP connection did not open.
pub(super) fn open_error(error: amiquip::Error, config: &BrokerConfig, host: &BrokerHost) -> BrokerError {
    use amiquip::Error as E;
    let BrokerVariables { port, use_tls, username, password, vhost, .. } = config.variables;
    let address = host.to_string();
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
