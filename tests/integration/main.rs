//! Tests of the real binary with a real broker, real databases and a relay that fails where a test tells it to.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails like the test itself")]

mod accessibility;
mod ack_barrier;
mod ack_timeout;
mod any_text;
mod bindings;
mod broker_hosts;
mod broker_restarts;
mod broker_tls;
mod check;
mod command_line;
mod counted;
mod crashes;
mod database_trouble;
mod dead_letter_queue;
mod dead_letter_sessions;
mod deferrals;
mod dry_run;
mod envelopes;
mod events_exchange;
mod events_gone;
mod failures;
mod fan_out;
mod frozen_broker;
mod half_open;
mod hostile_rows;
mod late_commits;
mod log_redaction;
mod message_details;
mod notices;
mod odd_messages;
mod one_mail_per_address;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod opening_trouble;
mod outbox;
mod outbox_snippets;
mod poison;
mod priorities;
mod publishers;
mod publishing;
mod queues_of_others;
mod reach;
mod relay_tls;
mod relay_trouble;
mod reminders;
mod replies;
mod restored;
mod retention;
mod retry;
mod retry_trouble;
mod routes;
mod rows_gone;
mod self_test;
mod several_queues;
mod several_workers;
mod side_by_side;
mod signals;
mod status;
mod superseding;
mod systems;
mod text_keys;
mod unreadable_rows;
mod upgrade;
#[cfg(feature = "mysql")]
mod wrong_data;
