//! The sorts of numbers: those of the library, with the types that fanmail counts in. All clones of one are one.

use std::sync::atomic::AtomicU64;

/// A number that only grows.
pub type Counter = prometheus_client::metrics::counter::Counter<u64, AtomicU64>;

/// A number that goes up and down. A state is 0 or 1.
pub type Gauge = prometheus_client::metrics::gauge::Gauge<u64, AtomicU64>;

/// The same for what is measured; NaN while it is not known.
pub type FloatGauge = prometheus_client::metrics::gauge::Gauge<f64, AtomicU64>;
