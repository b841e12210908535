//! Which languages the mails are written in, and which of them somebody gets: what their locale says, the language of it, `DEFAULT_LOCALE`,
//! or English.

use std::sync::Arc;

use crate::config::content::ContentConfig;
use crate::content::by_tag::ByTag;
use crate::content::error::TemplateError;
use crate::content::tag::Tag;
use crate::content::texts::Texts;
use crate::content::view::sender::Sender;
use crate::content::words::Words;

/// How mails in one language are written.
#[derive(Debug)]
pub(crate) struct Locale {
    /// All texts.
    pub words: Words,
}

/// All locales.
#[derive(Debug)]
pub(crate) struct Locales {
    /// Those of `TEMPLATES_DIR` first.
    texts: Vec<Texts>,
    /// Languages that have a folder in `TEMPLATES_DIR`, with or without texts.
    folders: Vec<Tag>,
    default: Tag,
    made: ByTag<Arc<Locale>>,
    /// What texts say of the sender, the same in all languages.
    pub sender: Sender,
}

impl Locales {
    /// With these texts and folders of `TEMPLATES_DIR`.
    ///
    /// # Errors
    /// When a file has an error, or a text has an argument that the built-in one of the same name does not have.
    pub fn new(
        mut texts: Vec<Texts>,
        folders: Vec<Tag>,
        config: &ContentConfig,
    ) -> Result<Self, TemplateError> {
        let built_in = Texts::built_in()?;
        for english in built_in.iter().filter(|texts| texts.tag == Tag::ENGLISH) {
            texts.iter().try_for_each(|own| check_arguments(own, english))?;
        }
        texts.extend(built_in);
        let (default, sender) = (Tag::ENGLISH, Sender::new(config));
        Ok(Self { texts, folders, default, made: ByTag::default(), sender })
    }

    /// The language of people without a locale.
    pub fn default_tag(&self) -> Tag {
        self.default
    }

    /// What a locale of the application says, or the default.
    pub fn tag(&self, locale: Option<&str>) -> Tag {
        locale.and_then(Tag::read).unwrap_or(self.default)
    }

    /// How mails are written for somebody with this tag.
    pub fn locale(&self, tag: Tag) -> Arc<Locale> {
        match self.made.get_or_make(tag, || Arc::new(self.make(tag))) {
            Ok(locale) => Arc::clone(locale),
            Err(make) => make(),
        }
    }

    /// The languages that have texts or a folder.
    pub fn written(&self) -> Vec<Tag> {
        let mut tags: Vec<Tag> =
            self.texts.iter().map(|texts| texts.tag).chain(self.folders.iter().copied()).collect();
        tags.push(self.default);
        tags.sort_unstable();
        tags.dedup();
        tags
    }

    /// The language that mails for somebody with this tag are written in: theirs, if there are texts or templates in it.
    pub fn language_for(&self, tag: Tag) -> Tag {
        let has_texts = |tag: Tag| self.of(tag).next().is_some();
        let is_written =
            |tag: Tag| tag.and_broader().any(|tag| has_texts(tag) || self.folders.contains(&tag));
        [tag, self.default].into_iter().find(|tag| is_written(*tag)).unwrap_or(Tag::ENGLISH)
    }

    fn make(&self, tag: Tag) -> Locale {
        let files = [tag, self.default, Tag::ENGLISH]
            .into_iter()
            .flat_map(Tag::and_broader)
            .flat_map(|tag| self.of(tag));
        Locale { words: Words::new(self.language_for(tag), files) }
    }

    fn of(&self, tag: Tag) -> impl Iterator<Item = &Texts> {
        self.texts.iter().filter(move |texts| texts.tag == tag)
    }
}

fn check_arguments(own: &Texts, english: &Texts) -> Result<(), TemplateError> {
    for (name, text) in &own.by_name {
        let Some(built_in) = english.by_name.get(name) else { continue };
        let known: Vec<&str> = built_in.arguments().collect();
        if let Some(unknown) = text.arguments().find(|argument| !known.contains(argument)) {
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(TemplateError(format!(
                "{}: the text \"{name}\" has {{{unknown}}}; the placeholders that it can have: {known}",
                own.path
            )));
        }
    }
    Ok(())
}
