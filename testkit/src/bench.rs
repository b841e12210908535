//! What `scripts/bench` and `scripts/instructions` share with each other and with the tests of their judgement.

pub mod baseline;
pub mod callgrind;
pub mod faults;
pub mod report;
pub mod row;
pub mod sink;
pub mod worker_instructions;
