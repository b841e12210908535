//! What is measured, a file for each section.

pub mod end_to_end;
