//! RabbitMQ or LavinMQ: taking messages in, putting them back, publishing. Knows no database and no mail.
//!
//! [`consumer`] is what the worker uses; everything else serves it or a verb of the command line. amiquip,
//! the AMQP library, is named only here.

pub mod ack_timeout;
mod amiquip_error;
mod connect_attempts;
pub mod connection;
pub mod consumer;
pub mod dead_letters;
mod delivery_count;
pub mod error;
pub mod incoming;
pub mod last_answer;
pub mod live_session;
pub mod liveness;
pub mod probe;
mod product;
pub mod publications;
pub mod publisher;
mod publisher_headers;
pub mod queue_state;
mod reconnect;
mod restart_evidence;
mod topology;
pub mod watchdog;
