//! The parts of the worker together, with a real ledger and a relay that the test controls.

mod changes;
mod deferrals;
mod dispatcher;
mod dry_run;
mod fan_out;
mod last_outcomes;
mod leases;
mod one_mail_per_address;
mod recorder;
mod refusals;
mod set_aside;
mod snapshots;
mod superseding;
pub(super) mod support;
mod suppressions;
mod throttling;
