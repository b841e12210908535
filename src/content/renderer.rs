//! Renders the Tera templates: once for each fan-out what its mails share, and in the lanes the rest. Headers and
//! encodings are left to the channels, loading to `loader`.

mod blanks;
mod in_language;
mod own_time;

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::config::content::ContentConfig;
use crate::content::by_key::ByKey;
use crate::content::error::TemplateError;
use crate::content::folder::Folder;
use crate::content::locales::Locales;
use crate::content::renderer::in_language::{LanguageContext, Told};
use crate::content::tag::Tag;
use crate::content::template_set::TemplateSets;
use crate::content::templates_dir::TemplatesDir;
use crate::content::view::event_facts::EventFacts;
use crate::domain::content::Content;
use crate::domain::event_snapshot::EventSnapshot;
use crate::domain::kind::Kind;
use crate::domain::message::details::MessageDetails;
use crate::domain::notification_facts::NotificationFacts;
use crate::domain::participant::Participant;

/// The templates of all kinds, parsed. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Templates {
    inner: Arc<ParsedTemplates>,
}

#[derive(Debug)]
struct ParsedTemplates {
    sets: TemplateSets,
    locales: Arc<Locales>,
    config: ContentConfig,
    /// By their names.
    folders: HashMap<String, Arc<Folder>>,
    dir: Option<TemplatesDir>,
}

/// What templates see of one notification, made once for all its mails. Cheap to clone.
#[derive(Debug, Clone)]
pub struct NotificationContext {
    shared: Arc<SharedContext>,
}

#[derive(Debug)]
struct SharedContext {
    told: Told,
    /// Made when the first mail in a language needs it.
    in_languages: ByKey<Tag, LanguageContext>,
}

impl NotificationContext {
    fn new(told: Told) -> Self {
        Self { shared: Arc::new(SharedContext { told, in_languages: ByKey::default() }) }
    }

    /// The same for people who were told of the event before, as `previous` has it.
    #[must_use]
    pub fn since(&self, previous: EventSnapshot) -> Self {
        let mut told = self.shared.told.clone();
        told.facts.previous = Some(previous);
        Self::new(told)
    }
}

impl Templates {
    /// Parsed templates and their sources.
    pub(crate) fn new(
        sets: TemplateSets,
        locales: Arc<Locales>,
        folders: Vec<Folder>,
        dir: Option<TemplatesDir>,
        config: ContentConfig,
    ) -> Self {
        let folders = folders.into_iter().map(|folder| (folder.name.clone(), Arc::new(folder))).collect();
        Self { inner: Arc::new(ParsedTemplates { sets, locales, config, folders, dir }) }
    }

    /// What was found in `TEMPLATES_DIR`; `None` if that is not set.
    #[must_use]
    pub fn dir(&self) -> Option<&TemplatesDir> {
        self.inner.dir.as_ref()
    }

    /// What mails show of the sender.
    pub(crate) fn config(&self) -> &ContentConfig {
        &self.inner.config
    }

    /// The words of all languages.
    pub(crate) fn locales(&self) -> &Locales {
        &self.inner.locales
    }

    /// The languages that mails can be written in.
    pub(crate) fn languages(&self) -> Vec<Tag> {
        self.inner.locales.written()
    }

    /// Whether there are templates for the mails of this kind, whose message carries `details`.
    ///
    /// # Errors
    /// When a route has named some that are not there any more.
    pub fn check_folder(&self, kind: Kind, details: &MessageDetails) -> Result<(), TemplateError> {
        self.folder(kind, details).map(drop)
    }

    /// Whether a mail of this kind may show the metadata of its message.
    #[must_use]
    pub fn show_metadata(&self, kind: Kind) -> bool {
        let folder = kind.folder().and_then(|folder| self.inner.folders.get(folder));
        folder.is_some_and(|folder| self.inner.sets.any_uses(folder, |uses| uses.metadata))
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
        Ok(NotificationContext::new(self.told(facts.clone(), Some(now))?))
    }

    /// Renders the content for one participant, without a link that unsubscribes.
    ///
    /// # Errors
    /// As [`Self::render_with_link`].
    pub fn render(
        &self,
        notification_context: &NotificationContext,
        participant: &Participant,
    ) -> Result<Content, TemplateError> {
        self.render_with_link(notification_context, participant, None)
    }

    /// Renders the content for one participant, with this link that unsubscribes.
    ///
    /// # Errors
    /// When a template does not render with the data of this event or participant, although it did with the samples.
    pub fn render_with_link(
        &self,
        notification_context: &NotificationContext,
        participant: &Participant,
        unsubscribe_url: Option<&str>,
    ) -> Result<Content, TemplateError> {
        let ParsedTemplates { sets, locales, .. } = &*self.inner;
        let tag = locales.tag(participant.locale.as_deref());
        let SharedContext { told, in_languages } = &*notification_context.shared;
        if let Some(details) = &participant.details {
            let details =
                MessageDetails::read(Some(details)).map_err(|error| TemplateError(error.to_string()))?;
            let told = self.told(NotificationFacts::of_message(told.facts.kind, details), None)?;
            return LanguageContext::new(sets, locales, &told, tag, unsubscribe_url.is_some()).render(
                sets,
                &told,
                participant,
                unsubscribe_url,
            );
        }
        let make = || LanguageContext::new(sets, locales, told, tag, unsubscribe_url.is_some());
        match in_languages.get_or_make(tag, make) {
            Ok(context) => context.render(sets, told, participant, unsubscribe_url),
            Err(make) => make().render(sets, told, participant, unsubscribe_url),
        }
    }

    fn told(&self, facts: NotificationFacts, now: Option<DateTime<Utc>>) -> Result<Told, TemplateError> {
        let folder = Arc::clone(self.folder(facts.kind, &facts.details)?);
        let of_event = |(event, now)| EventFacts::of(facts.kind, event, &self.inner.config, now);
        let event_facts = facts.event.as_ref().zip(now).map(of_event);
        Ok(Told { facts, event_facts, folder })
    }
}

#[cfg(test)]
mod tests;
