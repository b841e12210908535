//! Renders the Tera templates: once for each fan-out what its mails share, and in the lanes the rest. Headers and
//! encodings are left to the channels, loading to `loader`.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tera::{Context, Tera, Value};

use crate::config::content::ContentConfig;
use crate::content::catalogue::{Source, Sources};
use crate::content::check::names::names;
use crate::content::error::TemplateError;
use crate::content::explain::explain;
use crate::content::folder::{Folder, PartTemplate};
use crate::content::layout;
use crate::content::templates_dir::TemplatesDir;
use crate::content::view;
use crate::content::view::event_facts::EventFacts;
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
    config: ContentConfig,
    /// Whether a template shows JSON-LD: it is made for each mail.
    uses_json_ld: bool,
    /// By their names.
    folders: HashMap<String, Arc<Folder>>,
}

/// What templates see of one notification, made once for all its mails. Cheap to clone.
#[derive(Debug, Clone)]
pub struct NotificationContext {
    kind: Kind,
    folder: Arc<Folder>,
    context: Context,
    /// Where a template shows a part of it that is the participant's.
    event_facts: Option<EventFacts>,
    /// The subject, if it is the same for all participants.
    subject: Option<String>,
}

impl Templates {
    /// Parsed templates and their sources.
    pub(crate) fn new(tera: Tera, sources: Sources, config: ContentConfig) -> Self {
        let uses_json_ld =
            |source: &Source| names(&source.text).iter().any(|name| name.root == view::JSON_LD);
        let uses_json_ld = sources.all().iter().any(uses_json_ld);
        let folders =
            sources.folders().iter().map(|folder| (folder.name.clone(), Arc::new(folder.clone()))).collect();
        Self { inner: Arc::new(ParsedTemplates { tera, sources, config, uses_json_ld, folders }) }
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
        self.notification_context_at(facts, Utc::now())
    }

    /// The same for mails of the moment `now`, which say whether the event is over.
    ///
    /// # Errors
    /// When a route has named templates that are not there any more.
    pub fn notification_context_at(
        &self,
        facts: &NotificationFacts,
        now: DateTime<Utc>,
    ) -> Result<NotificationContext, TemplateError> {
        let NotificationFacts { kind, event, details, .. } = facts;
        let folder = Arc::clone(self.folder(*kind, details)?);
        let mut context = Context::new();
        context.insert_value("kind", kind.as_str().into());
        let event_facts = event.as_ref().map(|event| EventFacts::of(*kind, event, &self.inner.config, now));
        context.insert_value(
            "event",
            match (event, &event_facts) {
                (Some(event), Some(facts)) => view::event(event, facts.fields()),
                _ => view::message::instead_of_event(details),
            },
        );
        context.insert_value(view::JSON_LD, Value::none());
        for (name, value) in view::message::variables(details) {
            context.insert_value(name, value);
        }
        let variables = self.inner.tera.get_template_variables(&folder.subject).unwrap_or_default();
        let is_personal = variables.contains(view::PERSONAL);
        // A subject that does not render fails again for each mail, where the error is reported.
        let subject = if is_personal { None } else { self.subject(&folder.subject, &context).ok() };
        let event_facts = event_facts.filter(|_| self.inner.uses_json_ld);
        Ok(NotificationContext { kind: *kind, folder, context, event_facts, subject })
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
        if let Some(facts) = &notification_context.event_facts {
            context.insert_value(view::JSON_LD, facts.json_ld(participant, &view::name(participant)));
        }
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
