//! Which languages the mails are written in, and which of them somebody gets: what their locale says, the language of it, `DEFAULT_LOCALE`,
//! or English.

use std::sync::Arc;

use crate::config::content::ContentConfig;
use crate::content::by_key::ByKey;
use crate::content::date_formats::DateFormats;
use crate::content::dates::Times;
use crate::content::error::TemplateError;
use crate::content::tag::{Direction, Tag};
use crate::content::text::Text;
use crate::content::texts::{Separator, Texts};
use crate::content::view::sender::Sender;
use crate::content::words::Words;

/// How mails in one language are written.
#[derive(Debug)]
pub(crate) struct Locale {
    /// All texts.
    pub words: Words,
    /// Dates and times: in the language of the person, also where there are no texts in it.
    pub times: Times,
    /// How the mail is laid out: from right to left for people who read so, also where there are no texts in their language.
    pub layout: Direction,
}

/// All locales.
#[derive(Debug)]
pub(crate) struct Locales {
    files: Files,
    /// That of people without a locale.
    of_default: Arc<Locale>,
    made: ByKey<Tag, Arc<Locale>>,
    /// What texts say of the sender, the same in all languages.
    pub sender: Sender,
}

/// What locales are made of.
#[derive(Debug)]
struct Files {
    /// Those of `TEMPLATES_DIR` first.
    texts: Vec<Texts>,
    /// What times are put together with in a language without texts.
    neutral: Vec<(Separator, Texts)>,
    /// Languages that have a folder in `TEMPLATES_DIR`, with or without texts.
    folders: Vec<Tag>,
    default: Tag,
}

impl Locales {
    /// With these texts and folders of `TEMPLATES_DIR`.
    ///
    /// # Errors
    /// When a file has an error, a text has an argument that the built-in one of the same name does not have, or there are no texts in the
    /// language of `DEFAULT_LOCALE`.
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
        let neutral = |separator| Ok((separator, Texts::neutral(separator)?));
        let neutral = Separator::ALL.into_iter().map(neutral).collect::<Result<_, TemplateError>>()?;
        let mut files = Files { texts, neutral, folders, default: Tag::ENGLISH };
        if let Some(locale) = &config.default_locale {
            files.default = files.default_locale(locale)?;
        }
        let no_dates = || TemplateError("there are no dates in English".to_owned());
        let of_default = Arc::new(files.locale(files.default).ok_or_else(no_dates)?);
        Ok(Self { files, of_default, made: ByKey::default(), sender: Sender::new(config) })
    }

    /// The language of people without a locale.
    pub fn default_tag(&self) -> Tag {
        self.files.default
    }

    /// What a locale of the application says, or the default.
    pub fn tag(&self, locale: Option<&str>) -> Tag {
        locale.and_then(Tag::read).unwrap_or(self.files.default)
    }

    /// How mails are written for somebody with this tag.
    pub fn locale(&self, tag: Tag) -> Arc<Locale> {
        let make = || self.files.locale(tag).map_or_else(|| Arc::clone(&self.of_default), Arc::new);
        match self.made.get_or_make(tag, make) {
            Ok(locale) => Arc::clone(locale),
            Err(make) => make(),
        }
    }

    /// The languages that have texts or a folder.
    pub fn written(&self) -> Vec<Tag> {
        self.files.written()
    }

    /// The texts of this name in all languages, with their files.
    pub fn texts<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a Texts, &'a Text)> {
        self.files.texts.iter().filter_map(move |texts| Some((texts, &**texts.by_name.get(name)?)))
    }

    /// The language that mails for somebody with this tag are written in: theirs, if there are texts or templates in it.
    pub fn language_for(&self, tag: Tag) -> Tag {
        self.files.language_for(tag)
    }
}

impl Files {
    fn written(&self) -> Vec<Tag> {
        let mut tags: Vec<Tag> =
            self.texts.iter().map(|texts| texts.tag).chain(self.folders.iter().copied()).collect();
        tags.sort_unstable();
        tags.dedup();
        tags
    }

    fn is_written(&self, tag: Tag) -> bool {
        let is_there = |tag: Tag| self.folders.contains(&tag) || self.of(tag).next().is_some();
        tag.and_broader().any(is_there)
    }

    /// `DEFAULT_LOCALE`.
    fn default_locale(&self, locale: &str) -> Result<Tag, TemplateError> {
        Tag::read(locale).filter(|tag| self.is_written(*tag)).ok_or_else(|| {
            let languages: Vec<String> = self.written().iter().map(Tag::to_string).collect();
            TemplateError(format!(
                "DEFAULT_LOCALE={locale}: there are no texts in this language; there are: {}, and each of them with a region (de-AT)",
                languages.join(", ")
            ))
        })
    }

    fn language_for(&self, tag: Tag) -> Tag {
        if self.is_written(tag) { tag } else { self.default }
    }

    /// `None` only if not even English has dates.
    fn locale(&self, tag: Tag) -> Option<Locale> {
        let files = [tag, self.default, Tag::ENGLISH].into_iter().flat_map(|tag| self.for_tag(tag));
        let formats = [tag, self.default, Tag::ENGLISH].into_iter().find_map(DateFormats::new)?;
        let language = self.language_for(tag);
        let is_right_to_left = |tag: &Tag| tag.direction() == Direction::RightToLeft;
        let layout = if [language, formats.tag].iter().any(is_right_to_left) {
            Direction::RightToLeft
        } else {
            Direction::LeftToRight
        };
        let words = Words::new(language, layout, files);
        let separator = Separator::of(formats.tag);
        let neutral = self.neutral.iter().filter(|(of, _)| *of == separator).map(|(_, texts)| texts);
        let of_times = self.for_tag(formats.tag).chain(neutral);
        let of_times = Words::new(formats.tag, formats.tag.direction(), of_times);
        Some(Locale { words, times: Times { formats, words: of_times }, layout })
    }

    /// The files for a tag, and those for broader ones.
    fn for_tag(&self, tag: Tag) -> impl Iterator<Item = &Texts> {
        tag.and_broader().flat_map(|tag| self.of(tag))
    }

    fn of(&self, tag: Tag) -> impl Iterator<Item = &Texts> {
        self.texts.iter().filter(move |texts| texts.tag == tag)
    }
}

fn check_arguments(own: &Texts, english: &Texts) -> Result<(), TemplateError> {
    for (name, text) in &own.by_name {
        let Some(built_in) = english.by_name.get(name) else { continue };
        if text.is_plural() {
            return Err(TemplateError(format!(
                "{}: the text \"{name}\" has forms for numbers, and mails show it without a number",
                own.path
            )));
        }
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::content::catalogue::Catalogue;
    use crate::content::unsubscribe_page;

    #[test]
    fn every_language_has_all_texts_with_the_same_placeholders() {
        let built_in = Texts::built_in().unwrap();
        let shape = |texts: &Texts| -> Vec<(String, BTreeSet<String>)> {
            let arguments = |text: &Text| text.arguments().map(str::to_owned).collect();
            texts.by_name.iter().map(|(name, text)| (name.clone(), arguments(text))).collect()
        };
        for texts in &built_in[1..] {
            assert_eq!(shape(texts), shape(&built_in[0]), "{} and {}", texts.path, built_in[0].path);
        }
        let neutral = Texts::neutral(Separator::Comma).unwrap();
        for (name, arguments) in shape(&neutral) {
            assert!(shape(&built_in[0]).contains(&(name.clone(), arguments)), "{name}");
        }
    }

    /// Those that no template shows are those that times and changes are told with.
    #[test]
    fn every_text_is_used() {
        let sources = Catalogue::read(None, &[]).unwrap().sources;
        let neutral = Texts::neutral(Separator::Comma).unwrap();
        for name in Texts::built_in().unwrap()[0].by_name.keys() {
            let shown = format!("text.{name} }}");
            let is_shown = sources.all().iter().any(|source| source.text.contains(&shown));
            let is_told =
                ["greeting", "changed_", "own_time", "midnight"].iter().any(|start| name.starts_with(start))
                    || unsubscribe_page::all_texts().any(|text| text == name);
            assert!(is_shown || is_told || neutral.by_name.contains_key(name), "{name}");
        }
    }

    #[test]
    fn the_language_of_people_without_a_locale_is_one_that_there_is() {
        let with = |locale: &str| {
            let config =
                ContentConfig { default_locale: Some(locale.to_owned()), ..ContentConfig::default() };
            Locales::new(Vec::new(), Vec::new(), &config).map(|locales| locales.default_tag().to_string())
        };
        assert_eq!(with("de_AT").unwrap(), "de-AT");
        for locale in ["xx", "German"] {
            let told = format!(
                "DEFAULT_LOCALE={locale}: there are no texts in this language; there are: de, en, es, fr, and each of them with a region (de-AT)"
            );
            assert_eq!(with(locale).unwrap_err().to_string(), told);
        }
    }

    #[test]
    fn somebody_whose_language_has_dates_but_no_texts_gets_those() {
        let locales = Locales::new(Vec::new(), Vec::new(), &ContentConfig::default()).unwrap();
        let locale = locales.locale(Tag::read("ar-EG").unwrap());
        assert_eq!(
            (locale.words.language, locale.times.formats.tag.to_string(), locale.layout),
            (Tag::ENGLISH, "ar-EG".to_owned(), Direction::RightToLeft)
        );
    }
}
