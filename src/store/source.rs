//! The tables of the application: events and participants. fanmail only reads them.

pub(crate) mod columns;
pub mod events;
pub mod participants;
pub mod seed_rows;
pub mod seeding;
pub mod zones;
