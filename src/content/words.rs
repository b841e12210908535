//! The words of the mails in one language: each text from the first of several files that has it. Which files those are is left to `locales`.

use std::collections::BTreeMap;
use std::sync::Arc;

use tera::{Map, Value};

use crate::content::layout;
use crate::content::tag::{Direction, Tag};
use crate::content::text::{Form, Text};
use crate::content::texts::Texts;

/// The title of the page, in which HTML has no elements.
const DOCUMENT_TITLE: &str = "document_title";
/// The greeting, which alone is not the same for all people.
const GREETING: &str = "greeting";
/// The greeting of somebody without a name.
const GREETING_WITHOUT_NAME: &str = "greeting_without_name";

/// All texts, each in the first language that has it.
#[derive(Debug)]
pub(crate) struct Words {
    /// The language that they are meant to be in.
    pub language: Tag,
    by_name: BTreeMap<String, Found>,
}

#[derive(Debug)]
struct Found {
    text: Arc<Text>,
    /// That of the text, if it is another one than that of the words.
    other_language: Option<Tag>,
    /// The language that HTML has to say at the text, because it is another one, or because it runs against the layout.
    marked: Option<Tag>,
    /// Of a text without arguments, which is the same in all mails: what templates see, in a text part and in HTML.
    fixed: Option<(Value, Value)>,
}

impl Found {
    fn new(text: &Arc<Text>, other_language: Option<Tag>, marked: Option<Tag>) -> Self {
        let mut found = Self { text: Arc::clone(text), other_language, marked, fixed: None };
        if text.arguments().next().is_none() {
            let value = |form| as_value(&found.write(form, |_| None), form);
            found.fixed = Some((value(Form::Plain), value(Form::Html)));
        }
        found
    }

    fn write<'a>(&self, form: Form, value: impl Fn(&str) -> Option<&'a str>) -> String {
        let text = self.text.write(form, value);
        match (form, self.marked) {
            (Form::Html, Some(language)) => layout::wrap_source(&format!(
                "<span lang=\"{language}\" dir=\"{}\">{text}</span>",
                language.direction().as_str()
            )),
            _ => text,
        }
    }

    /// What templates see.
    fn value<'a>(&self, form: Form, value: impl Fn(&str) -> Option<&'a str>) -> Value {
        match (&self.fixed, form) {
            (Some((plain, _)), Form::Plain) => plain.clone(),
            (Some((_, html)), Form::Html) => html.clone(),
            (None, _) => as_value(&self.write(form, value), form),
        }
    }
}

impl Words {
    /// The texts of these files, in a mail with this layout; of two with one name that of the earlier file.
    pub fn new<'a>(language: Tag, layout: Direction, files: impl IntoIterator<Item = &'a Texts>) -> Self {
        let mut by_name = BTreeMap::new();
        for file in files {
            let other_language = (!file.tag.has_language_of(language)).then_some(file.tag);
            let marked = other_language.or_else(|| (file.tag.direction() != layout).then_some(file.tag));
            for (name, text) in &file.by_name {
                let marked = marked.filter(|_| name != DOCUMENT_TITLE);
                by_name.entry(name.clone()).or_insert_with(|| Found::new(text, other_language, marked));
            }
        }
        Self { language, by_name }
    }

    /// The names of all texts.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// The text of this name.
    pub fn get(&self, name: &str) -> Option<&Text> {
        self.by_name.get(name).map(|found| &*found.text)
    }

    /// The language of a text, which is another one where it is missing.
    pub fn language_of(&self, name: &str) -> Tag {
        self.by_name.get(name).and_then(|found| found.other_language).unwrap_or(self.language)
    }

    /// A text with these arguments; empty if there is none of this name.
    pub fn write<'a>(&self, name: &str, form: Form, value: impl Fn(&str) -> Option<&'a str>) -> String {
        self.by_name.get(name).map(|found| found.write(form, value)).unwrap_or_default()
    }

    /// What templates see as `text`: the texts of these names, as far as they have no other arguments than these.
    pub fn view(&self, names: &[String], form: Form, arguments: &[(&'static str, String)]) -> Value {
        let value =
            |name: &str| arguments.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
        let is_complete = |found: &Found| {
            !found.text.is_plural() && found.text.arguments().all(|name| value(name).is_some())
        };
        let found = names.iter().filter_map(|name| Some((name, self.by_name.get(name)?)));
        let written = found.filter(|(_, found)| is_complete(found));
        written.map(|(name, found)| (name.clone().into(), found.value(form, value))).collect::<Map>().into()
    }

    /// The greeting of somebody of this name, or of somebody without a name.
    pub fn greeting(&self, form: Form, name: &str) -> String {
        let text = if name.is_empty() { GREETING_WITHOUT_NAME } else { GREETING };
        self.write(text, form, |_| Some(name))
    }

    /// What templates see as `greeting`.
    pub fn greeting_value(&self, form: Form, name: &str) -> Value {
        as_value(&self.greeting(form, name), form)
    }
}

fn as_value(text: &str, form: Form) -> Value {
    match form {
        Form::Plain => Value::normal_string(text),
        Form::Html => Value::safe_string(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Words {
        let [german, english] = [
            ("de", "greeting = \"Guten Tag {name},\""),
            ("en", "greeting = \"x\"\nmore = \"*More* of {title}\""),
        ]
        .map(|(tag, source)| Texts::parse(Tag::read(tag).unwrap(), "t", source).unwrap());
        Words::new(german.tag, Direction::LeftToRight, [&german, &english])
    }

    #[test]
    fn a_text_that_a_language_lacks_is_marked_as_that_of_another() {
        let title = |_: &str| Some("T");
        assert_eq!(words().write("more", Form::Plain, title), "More of T");
        assert_eq!(
            words().write("more", Form::Html, title),
            "<span lang=\"en\" dir=\"ltr\"><strong>More</strong> of <bdi>T</bdi></span>"
        );
        assert_eq!(words().write("greeting", Form::Html, |_| Some("Ö")), "Guten Tag <bdi>Ö</bdi>,");
        assert_eq!(words().write("unknown", Form::Html, title), "");
    }

    #[test]
    fn a_text_that_runs_against_the_layout_is_marked() {
        let source = "footer = \"So.\"\ndocument_title = \"A message\"";
        let english = Texts::parse(Tag::ENGLISH, "t", source).unwrap();
        let words = Words::new(Tag::ENGLISH, Direction::RightToLeft, [&english]);
        let html = |name| words.write(name, Form::Html, |_| None);
        assert_eq!(html("footer"), "<span lang=\"en\" dir=\"ltr\">So.</span>");
        assert_eq!(html("document_title"), "A message", "a title has no elements");
    }

    #[test]
    fn templates_see_the_texts_whose_arguments_there_are() {
        let view = words().view(
            &["greeting".to_owned(), "more".to_owned(), "x".to_owned()],
            Form::Plain,
            &[("title", "T".to_owned())],
        );
        let names: Vec<String> = view.as_map().unwrap().keys().map(ToString::to_string).collect();
        assert_eq!(names, ["more"]);
    }
}
