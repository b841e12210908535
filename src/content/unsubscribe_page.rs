//! The page behind the links that unsubscribe: its words in the language of the person, and its HTML. What has been chosen, and what
//! follows from a choice, is left to `http`.

pub mod choice;
mod language;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::sha::sha256;
use tera::{Context, Tera, Value};

use crate::config::content::ContentConfig;
use crate::content::error::TemplateError;
use crate::content::locales::Locale;
use crate::content::renderer::Templates;
use crate::content::tag::Tag;
use crate::content::text::Form;
use crate::content::unsubscribe_page::choice::{ChoiceMade, ChoicePage, ChoiceState, UnsubscribeChoice};
use crate::content::view;
use crate::content::view::sender::DARK_PANEL;
use crate::domain::kind::Kind;
use crate::text::color::{Color, TEXT_CONTRAST};

/// The name of the template.
const PAGE: &str = "unsubscribe_page/page.html";
/// The colours of links and buttons without a brand.
const ACCENT: [&str; 2] = ["#334155", "#94a3b8"];

/// Its words, beside those of the choices.
const TEXTS: [&str; 13] = [
    "unsubscribe_title",
    "unsubscribe_intro",
    "unsubscribe_stop",
    "unsubscribe_resume",
    "unsubscribe_stopped",
    "unsubscribe_told_of_cancellations",
    "unsubscribe_done",
    "unsubscribe_undone",
    "unsubscribe_blocked",
    "unsubscribe_bad_link",
    "unsubscribe_bad_link_advice",
    "unsubscribe_unavailable",
    "unsubscribe_unavailable_advice",
];

/// Those of the choices.
#[cfg(test)]
const CHOICES: [&str; 9] = [
    "unsubscribe_event",
    "unsubscribe_this_event",
    "unsubscribe_created",
    "unsubscribe_updated",
    "unsubscribe_reminder",
    "unsubscribe_notice",
    "unsubscribe_routed",
    "unsubscribe_all",
    "unsubscribe_cancelled",
];

/// A page that says why there is nothing to choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PageRefusal {
    /// The link is none that fanmail has made.
    BadLink,
    /// The database is away, or there are too many requests.
    Unavailable,
}

/// In which language a person reads.
#[derive(Debug, Clone, Copy, Default)]
pub struct PreferredLanguage<'a> {
    /// What the link says.
    pub locale: Option<&'a str>,
    /// What the browser says (RFC 9110, section 12.5.4).
    pub accept_language: Option<&'a str>,
}

/// Writes the pages.
#[derive(Debug)]
pub struct UnsubscribePages {
    templates: Templates,
    tera: Tera,
    brand: Value,
    style: String,
    style_hash: String,
    /// Those that are the same for all people, so that a flood of bad links costs little.
    refusals: BTreeMap<(Tag, PageRefusal), String>,
}

impl UnsubscribePages {
    /// Pages with the words of these templates.
    ///
    /// # Errors
    /// When a text has an argument that the page cannot fill.
    pub fn new(templates: &Templates) -> Result<Self, TemplateError> {
        let error = |error: tera::Error| TemplateError(format!("{PAGE}: {error}"));
        let mut tera = Tera::default();
        tera.add_raw_template(PAGE, include_str!("unsubscribe_page/page.html")).map_err(error)?;
        let config = templates.config();
        let style = style(config);
        let style_hash = STANDARD.encode(sha256(style.as_bytes()));
        let brand = config.brand.name.as_deref().map(view::line).into();
        let templates = templates.clone();
        let mut pages = Self { templates, tera, brand, style, style_hash, refusals: BTreeMap::new() };
        for tag in pages.templates.languages() {
            for refusal in [PageRefusal::BadLink, PageRefusal::Unavailable] {
                let page = pages.write(tag, &pages.refusal_context(tag, refusal))?;
                pages.refusals.insert((tag, refusal), page);
            }
        }
        Ok(pages)
    }

    /// The hash of the style, as `Content-Security-Policy` has it.
    #[must_use]
    pub fn style_hash(&self) -> &str {
        &self.style_hash
    }

    /// The page that says so.
    #[must_use]
    pub fn refusal(&self, refusal: PageRefusal, preferred: PreferredLanguage<'_>) -> String {
        let tag = self.tag(preferred);
        self.refusals.get(&(tag, refusal)).cloned().unwrap_or_default()
    }

    /// The page for one person.
    ///
    /// # Errors
    /// When it does not render.
    pub fn choices(
        &self,
        page: &ChoicePage,
        preferred: PreferredLanguage<'_>,
    ) -> Result<String, TemplateError> {
        let tag = self.tag(preferred);
        self.write(tag, &self.choice_context(tag, page))
    }

    fn tag(&self, preferred: PreferredLanguage<'_>) -> Tag {
        language::choose(preferred, &self.templates.languages(), self.templates.locales().default_tag())
    }

    fn write(&self, tag: Tag, context: &Context) -> Result<String, TemplateError> {
        let rendered = self.tera.render(PAGE, context);
        rendered.map_err(|error| TemplateError(format!("{PAGE} in {tag}: {error}")))
    }

    fn context(&self, tag: Tag, heading: &str, texts: &[&'static str]) -> Context {
        let locale = self.templates.locales().locale(tag);
        let mut context = Context::new();
        context.insert_value("lang", tag.to_string().into());
        context.insert_value("dir", locale.layout.as_str().into());
        context.insert_value("brand", self.brand.clone());
        context.insert_value("style", Value::safe_string(&self.style));
        context.insert_value("title", text(&locale, heading, Form::Plain, ""));
        context.insert_value("heading", text(&locale, heading, Form::Html, ""));
        let words = texts.iter().map(|name| ((*name).into(), text(&locale, name, Form::Html, "")));
        context.insert_value("text", words.collect::<tera::Map>().into());
        context
    }

    fn refusal_context(&self, tag: Tag, refusal: PageRefusal) -> Context {
        let (heading, advice) = match refusal {
            PageRefusal::BadLink => ("unsubscribe_bad_link", "unsubscribe_bad_link_advice"),
            PageRefusal::Unavailable => ("unsubscribe_unavailable", "unsubscribe_unavailable_advice"),
        };
        let mut context = self.context(tag, heading, &[]);
        let locale = self.templates.locales().locale(tag);
        context.insert_value("message", text(&locale, advice, Form::Html, ""));
        context.insert_value("rows", Value::none());
        context
    }

    fn choice_context(&self, tag: Tag, page: &ChoicePage) -> Context {
        let mut context = self.context(tag, "unsubscribe_title", &TEXTS);
        let locale = self.templates.locales().locale(tag);
        let done = page.made.map(|made| match made {
            ChoiceMade::Stopped => "unsubscribe_done",
            ChoiceMade::Resumed => "unsubscribe_undone",
        });
        let title = page.event.as_ref().map(view::title).unwrap_or_default();
        let row = |(choice, state): &(UnsubscribeChoice, ChoiceState)| {
            let name = name(*choice, page.kind, !title.is_empty());
            view::map([
                ("word", choice.as_str().into()),
                ("name", text(&locale, name, Form::Html, &title)),
                ("is_stopped", (*state != ChoiceState::Wanted).into()),
                ("is_blocked", (*state == ChoiceState::Blocked).into()),
            ])
        };
        let is_told = |(choice, state): &(UnsubscribeChoice, ChoiceState)| {
            *choice == UnsubscribeChoice::Cancellations && *state != ChoiceState::Wanted
        };
        context
            .insert_value("message", done.map_or(Value::none(), |name| text(&locale, name, Form::Html, "")));
        context.insert_value("rows", page.choices.iter().map(row).collect::<Vec<Value>>().into());
        context.insert_value("told_of_cancellations", (!page.choices.iter().any(is_told)).into());
        context
    }
}

/// The name of the text that says which mails these are.
fn name(choice: UnsubscribeChoice, kind: Kind, has_title: bool) -> &'static str {
    match (choice, kind) {
        (UnsubscribeChoice::Event, _) if has_title => "unsubscribe_event",
        (UnsubscribeChoice::Event, _) => "unsubscribe_this_event",
        (UnsubscribeChoice::All, _) => "unsubscribe_all",
        (UnsubscribeChoice::Cancellations, _) | (_, Kind::Cancelled) => "unsubscribe_cancelled",
        (UnsubscribeChoice::Kind, Kind::Created) => "unsubscribe_created",
        (UnsubscribeChoice::Kind, Kind::Updated) => "unsubscribe_updated",
        (UnsubscribeChoice::Kind, Kind::Reminder) => "unsubscribe_reminder",
        (UnsubscribeChoice::Kind, Kind::Notice) => "unsubscribe_notice",
        (UnsubscribeChoice::Kind, Kind::Routed) => "unsubscribe_routed",
    }
}

fn text(locale: &Locale, name: &str, form: Form, title: &str) -> Value {
    let written = locale.words.write(name, form, |argument| (argument == "title").then_some(title));
    match form {
        Form::Plain => Value::normal_string(&written),
        Form::Html => Value::safe_string(&written),
    }
}

/// The style, with the colour of the brand.
fn style(config: &ContentConfig) -> String {
    let [light, dark] = match config.brand.color {
        None => ACCENT.map(str::to_owned),
        Some(color) => {
            [Color::WHITE, DARK_PANEL].map(|behind| color.with_contrast(TEXT_CONTRAST, behind).to_string())
        }
    };
    include_str!("unsubscribe_page/page.css").replace("ACCENT_DARK", &dark).replace("ACCENT_LIGHT", &light)
}

/// The names of all texts of the page.
#[cfg(test)]
pub(crate) fn all_texts() -> impl Iterator<Item = &'static str> {
    TEXTS.into_iter().chain(CHOICES)
}

#[cfg(test)]
mod tests;
