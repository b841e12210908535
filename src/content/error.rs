//! What is wrong with a template.

/// A template that cannot be used: says file, line and variable.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TemplateError(pub(crate) String);
