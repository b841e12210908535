//! The tables of the application: events and participants. fanmail reads them, and writes only to tables of its
//! own.

pub mod addresses;
pub(crate) mod columns;
pub mod doubled;
pub mod event_key_type;
pub(crate) mod event_keys;
pub mod events;
pub mod import_rows;
pub mod importing;
pub mod keyed_pages;
pub mod keys;
pub mod listed;
pub mod new_rows;
pub mod optouts;
pub mod participants;
pub mod sample;
pub mod seeding;
pub mod start_column;
pub mod starting;
pub(crate) mod user_ids;
pub mod users;
pub(crate) mod zone_column;
pub mod zones;
