//! Renders the Tera templates: once for each fan-out what its mails share, and in the lanes the rest. Headers and
//! encodings are left to the channels, loading to `loader`.

use std::collections::HashMap;
use std::sync::Arc;

use tera::{Context, Tera};

use crate::content::catalogue::Sources;
use crate::content::error::TemplateError;
use crate::content::explain::explain;
use crate::content::folder::{Folder, PartTemplate};
use crate::content::layout;
use crate::content::templates_dir::TemplatesDir;
use crate::content::view;
use crate::domain::content::{Content, ContentPart, MediaType};
use crate::domain::kind::Kind;
use crate::domain::message::details::MessageDetails;
use crate::domain::notification_facts::NotificationFacts;
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
    /// By their names.
    folders: HashMap<String, Arc<Folder>>,
}

/// What templates see of one notification, made once for all its mails. Cheap to clone.
#[derive(Debug, Clone)]
pub struct NotificationContext {
    kind: Kind,
    folder: Arc<Folder>,
    context: Context,
    /// The subject, if it is the same for all participants.
    subject: Option<String>,
}

impl Templates {
    /// Parsed templates and their sources.
    pub(crate) fn new(tera: Tera, sources: Sources) -> Self {
        let folders =
            sources.folders().iter().map(|folder| (folder.name.clone(), Arc::new(folder.clone()))).collect();
        Self { inner: Arc::new(ParsedTemplates { tera, sources, folders }) }
    }

    /// What was found in `TEMPLATES_DIR`; `None` if that is not set.
    #[must_use]
    pub fn dir(&self) -> Option<&TemplatesDir> {
        self.inner.sources.dir()
    }

    /// Whether there are templates for the mails of this kind, whose message carries `details`.
    ///
    /// # Errors
    /// When a route has named some that are not there any more.
    pub fn check_folder(&self, kind: Kind, details: &MessageDetails) -> Result<(), TemplateError> {
        self.folder(kind, details).map(drop)
    }

    fn folder(&self, kind: Kind, details: &MessageDetails) -> Result<&Arc<Folder>, TemplateError> {
        let named = details.routed.as_ref().map(|routed| routed.template.as_str());
        let name = named.or(kind.folder()).unwrap_or_default();
        self.inner.folders.get(name).ok_or_else(|| {
            let dir =
                self.dir().map_or_else(|| "TEMPLATES_DIR, which is not set".to_owned(), TemplatesDir::shown);
            TemplateError(format!(
                "its templates {name} are not in {dir}, or have errors; it needs {}",
                Folder::new(name).names().join(", ")
            ))
        })
    }

    /// Prepares what all mails of a notification have in common.
    ///
    /// # Errors
    /// When a route has named templates that are not there any more.
    pub fn notification_context(
        &self,
        facts: &NotificationFacts,
    ) -> Result<NotificationContext, TemplateError> {
        let NotificationFacts { kind, event, details, .. } = facts;
        let folder = Arc::clone(self.folder(*kind, details)?);
        let mut context = Context::new();
        context.insert_value("kind", kind.as_str().into());
        context.insert_value(
            "event",
            event.as_ref().map_or_else(|| view::message::instead_of_event(details), view::event),
        );
        for (name, value) in view::message::variables(details) {
            context.insert_value(name, value);
        }
        let variables = self.inner.tera.get_template_variables(&folder.subject).unwrap_or_default();
        let is_personal = variables.contains(view::PERSONAL);
        // A subject that does not render fails again for each mail, where the error is reported.
        let subject = if is_personal { None } else { self.subject(&folder.subject, &context).ok() };
        Ok(NotificationContext { kind: *kind, folder, context, subject })
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
        let folder = &notification_context.folder;
        let mut context = notification_context.context.clone();
        context.insert_value("participant", view::participant(participant));
        let subject = match &notification_context.subject {
            Some(subject) => subject.clone(),
            None => self.subject(&folder.subject, &context)?,
        };
        let mut parts = Vec::with_capacity(folder.parts.len());
        for template in &folder.parts {
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
        self.notification_context(&NotificationFacts::of_message(kind, details)).map(Some)
    }

    fn part(&self, template: &PartTemplate, context: &Context) -> Result<ContentPart, TemplateError> {
        let text = self.render_template(&template.name, context)?;
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
