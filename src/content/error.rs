//! The error of a template.

use crate::exit_code::{HasExitCode, MISCONFIGURED};

/// A template that cannot be used. The text names file, line and variable.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TemplateError(pub(crate) String);

impl HasExitCode for TemplateError {
    fn exit_code(&self) -> u8 {
        MISCONFIGURED
    }
}
