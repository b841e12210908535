//! The measurements, one file for each section.

pub mod end_to_end;
pub mod first_mail;
pub mod flood;
pub mod instructions;
pub mod memory;
pub mod mixed;
pub mod peers;
pub mod priority;
pub mod registration;
pub mod slow_relay;
pub mod small;
pub mod watched;
