//! Renders the Tera templates: once for each fan-out what its mails share, and in the lanes the rest. Headers and
//! encodings are left to the channels, loading to `loader`.

use std::sync::Arc;

use tera::{Context, Tera};

use crate::content::catalogue::{KindTemplates, PartTemplate, Sources};
use crate::content::error::TemplateError;
use crate::content::explain::explain;
use crate::content::layout;
use crate::content::templates_dir::TemplatesDir;
use crate::content::view;
use crate::domain::content::{Content, ContentPart, MediaType};
use crate::domain::event::Event;
use crate::domain::kind::Kind;
use crate::domain::message::details::MessageDetails;
use crate::domain::participant::Participant;
use crate::text::clean::{cut, one_line};

/// The templates of all kinds, parsed. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Templates {
    inner: Arc<ParsedTemplates>,
}

#[derive(Debug)]
struct ParsedTemplates {
    tera: Tera,
    sources: Sources,
}

/// What templates see of one notification, made once for all its mails. Cheap to clone.
#[derive(Debug, Clone)]
pub struct NotificationContext {
    kind: Kind,
    context: Context,
    /// The subject, if it is the same for all participants.
    subject: Option<String>,
}

impl Templates {
    /// Parsed templates and their sources.
    pub(crate) fn new(tera: Tera, sources: Sources) -> Self {
        Self { inner: Arc::new(ParsedTemplates { tera, sources }) }
    }

    /// What was found in `TEMPLATES_DIR`; `None` if that is not set.
    #[must_use]
    pub fn dir(&self) -> Option<&TemplatesDir> {
        self.inner.sources.dir()
    }

    /// Prepares what all mails of a notification have in common, about this event or about none, whose message carries `details`.
    #[must_use]
    pub fn notification_context(
        &self,
        kind: Kind,
        event: Option<&Event>,
        details: &MessageDetails,
    ) -> NotificationContext {
        let mut context = Context::new();
        context.insert_value("kind", kind.as_str().into());
        context.insert_value(
            "event",
            event.map_or_else(|| view::message::instead_of_event(details), view::event),
        );
        for (name, value) in view::message::variables(details) {
            context.insert_value(name, value);
        }
        let name = KindTemplates::of(kind).subject();
        let variables = self.inner.tera.get_template_variables(name).unwrap_or_default();
        let is_personal = variables.contains(view::PERSONAL);
        // A subject that does not render fails again for each mail, where the error is reported.
        let subject = if is_personal { None } else { self.subject(name, &context).ok() };
        NotificationContext { kind, context, subject }
    }

    /// Renders the content for one participant.
    ///
    /// # Errors
    /// When a template does not render with the data of this event or participant, although it did with the samples.
    pub fn render(
        &self,
        notification_context: &NotificationContext,
        participant: &Participant,
    ) -> Result<Content, TemplateError> {
        let own = self.own_context(notification_context.kind, participant)?;
        let notification_context = own.as_ref().unwrap_or(notification_context);
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

    /// What the message says to this participant alone, if it does.
    fn own_context(
        &self,
        kind: Kind,
        participant: &Participant,
    ) -> Result<Option<NotificationContext>, TemplateError> {
        let Some(details) = &participant.details else { return Ok(None) };
        let details =
            MessageDetails::read(Some(details)).map_err(|error| TemplateError(error.to_string()))?;
        Ok(Some(self.notification_context(kind, None, &details)))
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
