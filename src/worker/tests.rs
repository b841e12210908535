//! The worker's rooms together, with a real ledger and a relay that does as it is told.

mod dispatcher;
mod fan_out;
mod leases;
mod recorder;
mod support;
