//! The worker's rooms together, with a real ledger and a relay that does as it is told.

mod dispatching;
mod fanning_out;
mod leasing;
mod recording;
mod support;
