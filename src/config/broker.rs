//! The section of RabbitMQ or LavinMQ.

use super::Secret;

/// Where the messages come from: `AMQP_URL`, or the `LAVINMQ_…` variables of the earlier service.
#[derive(Debug, Clone)]
pub struct BrokerConfig {
    /// Whether the connection is `amqps`.
    pub tls: bool,
    /// Name or address of the broker.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// User name.
    pub username: String,
    /// Password of that user.
    pub password: Secret,
    /// Virtual host, `/` unless another is named.
    pub vhost: String,
    /// The queue that is consumed; dead letters go to `<queue>.dead`.
    pub queue: String,
}
