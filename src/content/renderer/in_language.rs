//! The mails of a notification in one language: what they have in common is made once, and the rest for each participant.

use std::sync::{Arc, OnceLock};

use tera::{Context, Value};

use crate::content::by_key::ByKey;
use crate::content::dates::with_year;
use crate::content::error::TemplateError;
use crate::content::folder::{Folder, PartTemplate};
use crate::content::layout;
use crate::content::locales::{Locale, Locales};
use crate::content::renderer::blanks::{self, Blanks, Personal};
use crate::content::renderer::own_time::OwnTime;
use crate::content::tag::Tag;
use crate::content::template_set::{SetId, TemplateSet, TemplateSets};
use crate::content::text::Form;
use crate::content::view;
use crate::content::view::arguments::arguments;
use crate::content::view::changes::Changes;
use crate::content::view::event_facts::EventFacts;
use crate::domain::content::{Content, ContentPart, MediaType};
use crate::domain::kind::Kind;
use crate::domain::notification_facts::NotificationFacts;
use crate::domain::participant::Participant;
use crate::domain::time_zone::TimeZone;

/// What the mails of a notification have in common in all languages.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub facts: NotificationFacts,
    /// Facts about the event, if there is one.
    pub event_facts: Option<EventFacts>,
    /// The templates.
    pub folder: Arc<Folder>,
}

/// What the mails of a notification in one language have in common.
#[derive(Debug)]
pub(super) struct LanguageContext {
    locale: Arc<Locale>,
    /// Its language, as mails name it.
    language: Arc<str>,
    set: SetId,
    /// With the texts of text parts.
    context: Context,
    /// The texts of HTML parts.
    html_texts: Value,
    /// Whether a template shows the participant's place as JSON-LD, which is made for each mail.
    shows_json_ld: bool,
    /// Whether a template shows the time by the participant's own clocks, of an event that is still to come.
    shows_own_time: bool,
    /// By the zones of participants: none where the clocks show the same as those of the event.
    own_times: ByKey<TimeZone, Option<Arc<OwnTime>>>,
    /// Whether mails have a link that unsubscribes: all of a notification have one, or none.
    has_link: bool,
    /// The subject, if it is the same for all participants.
    subject: Option<String>,
    /// The parts, if they are the same for all participants but for some blanks.
    parts: Option<Parts>,
    /// The same for participants whose own time is shown, made when the first of them comes.
    parts_with_own_time: OnceLock<Option<Parts>>,
}

/// The parts with blanks, the plainest first.
type Parts = Vec<(MediaType, Blanks)>;

/// What a mail says to one participant alone.
struct ToOne<'a> {
    /// As mails may show it.
    name: String,
    json_ld: Value,
    /// The time by their own clocks, if it is shown.
    own_time: Option<Arc<OwnTime>>,
    unsubscribe_url: Option<&'a str>,
}

impl LanguageContext {
    /// For people with this tag, whose mails have a link that unsubscribes or have none.
    pub fn new(sets: &TemplateSets, locales: &Locales, told: &Told, tag: Tag, has_link: bool) -> Self {
        let Told { facts, event_facts, folder } = told;
        let (set, tag) = choose(sets, locales, folder, tag);
        let of_set = sets.get(set);
        let uses = of_set.uses(folder);
        let locale = locales.locale(tag);
        let NotificationFacts { kind, event, details, .. } = facts;
        let mut context = Context::new();
        context.insert_value("kind", kind.as_str().into());
        let event = match (event, event_facts) {
            (Some(event), Some(facts)) => {
                let with_year = with_year(event, &locale.times, facts.now).into_iter().flatten();
                let short = ["short_date", "short_when"].into_iter().zip(with_year.map(Value::from));
                view::event(event, facts.fields().chain(short), &locale.times)
            }
            _ => view::message::instead_of_event(details),
        };
        let entry = event_facts.as_ref().and_then(|facts| facts.calendar.as_ref());
        let method = entry.map(|entry| entry.method.as_str().to_ascii_lowercase());
        context.insert_value(view::CALENDAR, method.into());
        let changes = Changes::of(facts, &event, &locale.times);
        let arguments = arguments(&event, details, &locales.sender, &changes.sentences(&locale.words));
        for (name, value) in changes.variables() {
            context.insert_value(name, value);
        }
        context.insert_value("event", event);
        for (name, value) in view::message::variables(details) {
            context.insert_value(name, value);
        }
        let texts = uses.map(|uses| uses.texts.as_slice()).unwrap_or_default();
        let html_texts = locale.words.view(texts, Form::Html, &arguments);
        context.insert_value(view::TEXT, locale.words.view(texts, Form::Plain, &arguments));
        let of_locale = view::locale(locale.words.language, locale.times.formats.tag, locale.layout);
        context.insert_value("locale", of_locale);
        context.insert_value(view::JSON_LD, Value::none());
        context.insert_value(view::OWN_TIME, Value::none());
        context.insert_value(view::UNSUBSCRIBE_URL, Value::none());
        let is_to_come = *kind != Kind::Cancelled && event_facts.as_ref().is_some_and(|facts| !facts.is_past);
        let is_personal = uses.is_some_and(|uses| uses.has_personal_subject);
        let shows_json_ld = uses.is_some_and(|uses| uses.json_ld);
        // A subject that does not render fails again for each mail, where the error is reported.
        let subject = if is_personal { None } else { of_set.subject(folder, &context).ok() };
        let mut made = Self {
            language: locale.words.language.to_string().into(),
            locale,
            set,
            context,
            html_texts,
            shows_json_ld,
            shows_own_time: is_to_come && uses.is_some_and(|uses| uses.own_time),
            own_times: ByKey::default(),
            has_link,
            subject,
            parts: None,
            parts_with_own_time: OnceLock::new(),
        };
        if uses.is_some_and(|uses| uses.leaves_blanks) {
            made.parts = made.parts_with_blanks(of_set, told, Value::none());
        }
        made
    }

    /// What does not render is left to each mail, where the error is reported.
    fn parts_with_blanks(&self, set: &TemplateSet, told: &Told, own_time: Value) -> Option<Parts> {
        let greeting = || Value::safe_string(blanks::GREETING);
        let mut context = self.context.clone();
        context.insert_value(view::OWN_TIME, own_time);
        if told.event_facts.as_ref().is_some_and(|facts| self.shows_json_ld && facts.has_json_ld()) {
            context.insert_value(view::JSON_LD, Value::safe_string(blanks::JSON_LD));
        }
        if self.has_link {
            context.insert_value(view::UNSUBSCRIBE_URL, Value::safe_string(blanks::UNSUBSCRIBE_URL));
        }
        let render = |template: &PartTemplate| {
            let text = self.render_part(set, template, &mut context, greeting()).ok()?;
            Some((template.media_type, Blanks::new(template.media_type, &text)?))
        };
        told.folder.parts.iter().map(render).collect()
    }

    /// As the templates write it. The parts come with the plainest first.
    fn render_part(
        &self,
        set: &TemplateSet,
        template: &PartTemplate,
        context: &mut Context,
        greeting: Value,
    ) -> Result<String, TemplateError> {
        context.insert_value("greeting", greeting);
        if template.media_type == MediaType::Html {
            context.insert_value(view::TEXT, self.html_texts.clone());
        }
        set.render(&template.name, context)
    }

    /// Renders the content for one participant.
    ///
    /// # Errors
    /// When a template does not render with the data of this event or participant, although it did with the samples.
    pub fn render(
        &self,
        sets: &TemplateSets,
        told: &Told,
        participant: &Participant,
        unsubscribe_url: Option<&str>,
    ) -> Result<Content, TemplateError> {
        let set = sets.get(self.set);
        let name = view::name(participant);
        let json_ld = told.event_facts.as_ref().filter(|_| self.shows_json_ld);
        let json_ld = json_ld.map_or(Value::none(), |facts| facts.json_ld(participant, &name));
        let own_time = self.own_time(told, participant);
        let to_one = ToOne { name, json_ld, own_time, unsubscribe_url };
        let (subject, parts) = match self.filled(set, told, &to_one) {
            Some(filled) => filled,
            None => self.rendered(set, &told.folder, participant, to_one)?,
        };
        let calendar = told.event_facts.as_ref().and_then(|facts| facts.calendar.clone());
        let unsubscribe_url = unsubscribe_url.map(str::to_owned);
        Ok(Content { language: Arc::clone(&self.language), subject, parts, calendar, unsubscribe_url })
    }

    /// The time by the clocks of this participant, if it is shown and another one than that of the event.
    fn own_time(&self, told: &Told, participant: &Participant) -> Option<Arc<OwnTime>> {
        let zone = participant.timezone.as_deref().filter(|_| self.shows_own_time)?;
        let (zone, event) = (TimeZone::parse(zone)?, told.facts.event.as_ref()?);
        let make = || OwnTime::of(event, zone, &self.locale).map(Arc::new);
        match self.own_times.get_or_make(zone, make) {
            Ok(own_time) => own_time.clone(),
            Err(make) => make(),
        }
    }

    /// Subject and parts for one participant, if nothing else of them is personal.
    fn filled(
        &self,
        set: &TemplateSet,
        told: &Told,
        to_one: &ToOne<'_>,
    ) -> Option<(String, Vec<ContentPart>)> {
        let (subject, parts) = (self.subject.clone()?, self.parts.as_ref()?);
        if to_one.unsubscribe_url.is_some() != self.has_link {
            return None;
        }
        let own_time = to_one.own_time.as_deref();
        let json_ld = to_one.json_ld.as_str().unwrap_or_default();
        let plain_url = to_one.unsubscribe_url.unwrap_or_default();
        let html_url = layout::escape(plain_url);
        let with_own_time = || self.parts_with_blanks(set, told, Value::safe_string(blanks::OWN_TIME));
        let parts = match own_time {
            Some(_) => self.parts_with_own_time.get_or_init(with_own_time).as_ref()?,
            None => parts,
        };
        let fill = |(media_type, blanks): &(MediaType, Blanks)| {
            let form = Form::of(*media_type);
            let greeting = &self.locale.words.greeting(form, &to_one.name);
            let own_time = own_time.map(|time| time.text(form)).unwrap_or_default();
            let unsubscribe_url = if form == Form::Html { &html_url } else { plain_url };
            let text = blanks.fill(Personal { greeting, json_ld, own_time, unsubscribe_url })?;
            Some(ContentPart { media_type: *media_type, text })
        };
        Some((subject, parts.iter().map(fill).collect::<Option<_>>()?))
    }

    /// The same, rendered anew.
    fn rendered(
        &self,
        set: &TemplateSet,
        folder: &Folder,
        participant: &Participant,
        to_one: ToOne<'_>,
    ) -> Result<(String, Vec<ContentPart>), TemplateError> {
        let ToOne { name, json_ld, own_time, unsubscribe_url } = to_one;
        let greeting = |form| self.locale.words.greeting_value(form, &name);
        let own_time = |form| own_time.as_ref().map_or_else(Value::none, |time| time.value(form));
        let mut context = self.context.clone();
        context.insert_value("participant", view::participant(participant, &name));
        context.insert_value("greeting", greeting(Form::Plain));
        context.insert_value(view::JSON_LD, json_ld);
        context.insert_value(view::OWN_TIME, own_time(Form::Plain));
        context.insert_value(view::UNSUBSCRIBE_URL, unsubscribe_url.into());
        let subject = match &self.subject {
            Some(subject) => subject.clone(),
            None => set.subject(folder, &context)?,
        };
        let mut parts = Vec::with_capacity(folder.parts.len());
        for template in &folder.parts {
            let media_type = template.media_type;
            let form = Form::of(media_type);
            context.insert_value(view::OWN_TIME, own_time(form));
            let text = self.render_part(set, template, &mut context, greeting(form))?;
            let text = if media_type == MediaType::Plain { layout::wrap_text(&text) } else { text };
            parts.push(ContentPart { media_type, text });
        }
        Ok((subject, parts))
    }
}

/// The templates for people with this tag, and the tag of the language that they are written in.
///
/// What is written in one language for everyone is in that of people without a locale, frames and dates included.
fn choose(sets: &TemplateSets, locales: &Locales, folder: &Folder, tag: Tag) -> (SetId, Tag) {
    let find = |tag: Tag| sets.find(folder, locales.language_for(tag));
    let set = find(tag);
    let uses = sets.get(set).uses(folder);
    if uses.is_some_and(|uses| uses.is_in_one_language) {
        let default = locales.default_tag();
        return (find(default), default);
    }
    (set, tag)
}
