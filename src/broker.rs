//! RabbitMQ or LavinMQ: taking messages in, putting them back, publishing. Knows no database and no mail.

pub mod consumer;
pub mod dead_letter;
pub mod incoming;
pub mod publisher;
