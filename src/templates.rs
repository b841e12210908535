//! The Tera templates: embedded or from a directory, checked with sample data at start, rendered in the lanes.

use std::path::Path;

use crate::domain::event::Event;
use crate::domain::notification::Kind;
use crate::domain::participant::Participant;

/// The templates of all kinds, parsed and checked.
#[derive(Debug, Clone)]
pub struct Templates {}

/// What all mails of one fan-out have in common, made once.
#[derive(Debug, Clone)]
pub struct Occasion {}

/// One mail as the templates make it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Render {
    /// One line.
    pub subject: String,
    /// The HTML part.
    pub html: String,
    /// The text part.
    pub text: String,
}

/// A template that cannot be used: says file, line and variable.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TemplateError(String);

impl Templates {
    /// Loads the embedded templates, or those of `dir`, and renders each with sample data.
    ///
    /// # Errors
    /// Names file, line and variable of the first mistake.
    pub fn load(_dir: Option<&Path>) -> Result<Self, TemplateError> {
        todo!()
    }

    /// Prepares what all mails about this event have in common.
    #[must_use]
    pub fn occasion(&self, _kind: Kind, _event: &Event) -> Occasion {
        todo!()
    }

    /// Renders the mail for one participant.
    ///
    /// # Errors
    /// When the data of this event or participant trips a template that the sample data did not.
    pub fn render(&self, _occasion: &Occasion, _participant: &Participant) -> Result<Render, TemplateError> {
        todo!()
    }
}
