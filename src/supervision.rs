//! Telling those who supervise the worker how it is: systemd, and Consul. What is wrong is known to `observe/health`; answering requests is left
//! to `http`.

pub mod consul;
pub mod state;
pub mod systemd;
