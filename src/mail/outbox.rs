//! The dummy: sends nothing, says so, and with an outbox writes each mail to a file.

use std::path::PathBuf;

use super::reply::Refusal;
use super::{Mail, Transport};

/// The dummy transport.
#[derive(Debug)]
pub struct Outbox {
    _dir: Option<PathBuf>,
}

impl Outbox {
    /// A dummy that writes to `dir`, when there is one.
    #[must_use]
    pub fn new(dir: Option<PathBuf>) -> Self {
        Self { _dir: dir }
    }
}

impl Transport for Outbox {
    fn submit(&mut self, _mail: &Mail, _before_body: &mut dyn FnMut()) -> Result<(), Refusal> {
        todo!()
    }

    fn idle(&mut self) {}
}
