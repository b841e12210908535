//! The texts of one language: a file `texts.toml`, built in or in `TEMPLATES_DIR`. Which of several files a text is taken from is left to
//! `words`.

use std::collections::BTreeMap;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use crate::content::error::TemplateError;
use crate::content::tag::Tag;
use crate::content::text::Text;

/// The name of the file in the folder of its language.
pub(crate) const FILE: &str = "texts.toml";

macro_rules! built_in {
    ($($language:literal),+ $(,)?) => {
        [$(($language, include_str!(concat!("../../templates/", $language, "/texts.toml")))),+]
    };
}

/// The languages that are compiled in, with their files.
const BUILT_IN: [(&str, &str); 4] = built_in!["en", "de", "fr", "es"];

/// How times are put together in a language without texts.
const NEUTRAL: [(&str, &str); 1] = built_in!["und"];

/// What stands between a date and a time in a language without texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Separator {
    /// As in most languages.
    Comma,
    /// That of the Arabic script.
    ArabicComma,
    /// As in Chinese and Japanese.
    Space,
}

impl Separator {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Comma, Self::ArabicComma, Self::Space];

    /// That of a language.
    pub fn of(tag: Tag) -> Self {
        let is_one_of = |languages: &[&str]| languages.iter().any(|language| tag.is_of(language));
        if is_one_of(&["zh", "ja", "yue"]) {
            Self::Space
        } else if is_one_of(&["ar", "fa", "ur", "ps", "sd", "ckb", "ug"]) {
            Self::ArabicComma
        } else {
            Self::Comma
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Comma => ", ",
            Self::ArabicComma => "، ",
            Self::Space => " ",
        }
    }
}

/// The texts of one file.
#[derive(Debug)]
pub(crate) struct Texts {
    /// Their language.
    pub tag: Tag,
    /// Its path, for users.
    pub path: String,
    /// By their names.
    pub by_name: BTreeMap<String, Arc<Text>>,
}

impl Texts {
    /// Reads a file.
    ///
    /// # Errors
    /// What is wrong with it, with file and line.
    pub fn parse(tag: Tag, path: &str, source: &str) -> Result<Self, TemplateError> {
        let error = |at: Option<usize>, what: &str| {
            let line = |at: usize| format!(", line {}", 1 + source[..at].matches('\n').count());
            TemplateError(format!("{path}{}: {what}", at.map_or(String::new(), line)))
        };
        let table = DeTable::parse(source)
            .map_err(|wrong| error(wrong.span().map(|span| span.start), wrong.message()))?;
        let mut by_name = BTreeMap::new();
        for (name, value) in table.into_inner() {
            let (at, name) = (name.span().start, name.into_inner());
            let parsed = match value.get_ref() {
                DeValue::String(text) => Text::parse(text),
                DeValue::Table(forms) => plural(tag, forms),
                _ => Err("is no text in quotes".to_owned()),
            };
            let text = parsed.map_err(|wrong| error(Some(at), &format!("the text \"{name}\" {wrong}")))?;
            by_name.insert(name.into_owned(), Arc::new(text));
        }
        Ok(Self { tag, path: path.to_owned(), by_name })
    }

    /// Name and text of each file that is compiled in.
    pub fn built_in_files() -> impl Iterator<Item = (String, &'static str)> {
        BUILT_IN.into_iter().map(|(language, text)| (format!("{language}/{FILE}"), text))
    }

    /// The texts that are compiled in.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn built_in() -> Result<Vec<Self>, TemplateError> {
        BUILT_IN.into_iter().map(Self::compiled_in).collect()
    }

    /// What times are put together with in a language without texts, and between which parts it has this.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn neutral(separator: Separator) -> Result<Self, TemplateError> {
        let [(language, source)] = NEUTRAL;
        Self::compiled_in((language, &source.replace(Separator::Comma.as_str(), separator.as_str())))
    }

    fn compiled_in((language, source): (&str, &str)) -> Result<Self, TemplateError> {
        let tag = Tag::read(language).unwrap_or(Tag::ENGLISH);
        Self::parse(tag, &format!("templates/{language}/{FILE}"), source)
    }
}

/// `{ one = "{count} seat", other = "{count} seats" }`
fn plural(tag: Tag, forms: &DeTable<'_>) -> Result<Text, String> {
    let form = |(name, text): (&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)| match text.get_ref() {
        DeValue::String(text) => Ok((name.get_ref().to_string(), text.to_string())),
        _ => Err(format!("has the form \"{}\", which is no text in quotes", name.get_ref())),
    };
    Text::parse_plural(tag, forms.iter().map(form).collect::<Result<_, String>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(source: &str) -> String {
        Texts::parse(Tag::ENGLISH, "en/texts.toml", source).unwrap_err().to_string()
    }

    #[test]
    fn a_problem_is_told_with_its_line() {
        assert_eq!(
            problem("a = \"x\"\n\nb = \"{title\""),
            "en/texts.toml, line 3: the text \"b\" has no } behind {title"
        );
        assert!(
            problem("a = \"x\"\nb = 3").starts_with("en/texts.toml, line 2: "),
            "{}",
            problem("a = \"x\"\nb = 3")
        );
        assert_eq!(
            problem("a = \"x\"\nb = { one = \"x\" }"),
            "en/texts.toml, line 2: the text \"b\" has no form \"other\""
        );
        assert_eq!(
            problem("a = { one = \"x\", other = 3 }"),
            "en/texts.toml, line 1: the text \"a\" has the form \"other\", which is no text in quotes"
        );
        assert!(problem("a = \"x\"\na = \"y\"").starts_with("en/texts.toml, line 2: duplicate key"));
        assert!(problem("\na = x").starts_with("en/texts.toml, line 2: "));
    }
}
