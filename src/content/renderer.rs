//! The Tera templates: embedded or from a directory, checked with sample data at start, rendered in the lanes.
//! Knows nothing about headers or encodings; that is the composer's.

use std::sync::Arc;

use tera::{Context, Tera};

use crate::content::catalogue::{KindTemplates, PartTemplate, Sources};
use crate::content::error::TemplateError;
use crate::content::explain::explain;
use crate::content::layout;
use crate::content::view;
use crate::domain::content::{Content, ContentPart, MediaType};
use crate::domain::event::Event;
use crate::domain::kind::Kind;
use crate::domain::participant::Participant;
use crate::text::clean::{cut, one_line};

/// The templates of all kinds, parsed and checked. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Templates {
    inner: Arc<ParsedTemplates>,
}

#[derive(Debug)]
struct ParsedTemplates {
    tera: Tera,
    sources: Sources,
}

/// What all mails of one fan-out have in common, made once. Cheap to clone.
#[derive(Debug, Clone)]
pub struct NotificationContext {
    kind: Kind,
    context: Context,
    /// Where it is the same for everyone.
    subject: Option<String>,
}

impl Templates {
    /// Templates that are parsed, and come from `sources`.
    pub(crate) fn new(tera: Tera, sources: Sources) -> Self {
        Self { inner: Arc::new(ParsedTemplates { tera, sources }) }
    }

    /// Prepares what all mails about this event have in common.
    #[must_use]
    pub fn notification_context(&self, kind: Kind, event: &Event) -> NotificationContext {
        let mut context = Context::new();
        context.insert_value("kind", kind.as_str().into());
        context.insert_value("event", view::event(event));
        let name = KindTemplates::of(kind).subject();
        let variables = self.inner.tera.get_template_variables(name).unwrap_or_default();
        let is_personal = variables.iter().any(|variable| !view::SHARED.contains(variable));
        // A subject that fails does so again for each mail, which then says why.
        let subject = if is_personal { None } else { self.subject(name, &context).ok() };
        NotificationContext { kind, context, subject }
    }

    /// Renders the mail for one participant.
    ///
    /// # Errors
    /// When the data of this event or participant trips a template that the sample data did not.
    pub fn render(
        &self,
        notification_context: &NotificationContext,
        participant: &Participant,
    ) -> Result<Content, TemplateError> {
        let templates = KindTemplates::of(notification_context.kind);
        let mut context = notification_context.context.clone();
        context.insert_value("participant", view::participant(participant));
        let subject = match &notification_context.subject {
            Some(subject) => subject.clone(),
            None => self.subject(templates.subject(), &context)?,
        };
        let mut parts = Vec::with_capacity(templates.parts.len());
        for template in &templates.parts {
            parts.push(self.part(template, &context)?);
        }
        Ok(Content { subject, parts })
    }

    fn part(&self, template: &PartTemplate, context: &Context) -> Result<ContentPart, TemplateError> {
        let text = self.render_template(template.name(), context)?;
        let text = match template.media_type {
            MediaType::Plain => layout::wrap_text(&text),
            MediaType::Html => text,
        };
        Ok(ContentPart { media_type: template.media_type, text })
    }

    fn subject(&self, name: &str, context: &Context) -> Result<String, TemplateError> {
        let subject = cut(one_line(&self.render_template(name, context)?), layout::SUBJECT_MAX);
        if subject.is_empty() {
            let path = self.inner.sources.path(name);
            return Err(TemplateError(format!("{path}: the subject is empty")));
        }
        Ok(subject)
    }

    fn render_template(&self, name: &str, context: &Context) -> Result<String, TemplateError> {
        self.inner.tera.render(name, context).map_err(|error| explain(&error, &self.inner.sources))
    }
}

#[cfg(test)]
mod tests;
