//! Folders of `TEMPLATES_DIR` that are named like a language (`de`, `pt-BR`): texts and templates for that language alone.

use std::path::Path;

use crate::content::catalogue::source::{Origin, Source, Sources, folders_in, read as read_file};
use crate::content::error::TemplateError;
use crate::content::tag::Tag;
use crate::content::texts::{FILE, Texts};

/// What `TEMPLATES_DIR` has for one language.
#[derive(Debug)]
pub(crate) struct LanguageFolder {
    /// The language.
    pub tag: Tag,
    /// The name of the folder.
    pub name: String,
    /// Its templates.
    pub own: Vec<Source>,
    /// Its texts, if it has some.
    pub texts: Option<Texts>,
}

impl LanguageFolder {
    /// The names of its files that are used, from `TEMPLATES_DIR` on.
    pub fn used(&self) -> impl Iterator<Item = String> {
        let texts = self.texts.iter().map(|_| FILE);
        self.own
            .iter()
            .map(|source| source.name.as_str())
            .chain(texts)
            .map(|name| format!("{}/{name}", self.name))
    }
}

/// The folders of languages in `dir`: named like one, with at least one file that has the name of a template (`known`) or of texts. A
/// folder of a route (`routes`) is none.
///
/// # Errors
/// When a file cannot be read, texts have an error, or two folders are for one language.
pub(crate) fn read(
    dir: &Path,
    routes: &[String],
    known: &[Source],
) -> Result<Vec<LanguageFolder>, TemplateError> {
    let mut found: Vec<LanguageFolder> = Vec::new();
    for name in folders_in(dir) {
        let Some(tag) = Tag::read(&name).filter(|_| !routes.contains(&name)) else { continue };
        let folder = dir.join(&name);
        let mut own = Vec::new();
        for source in known {
            own.extend(Source::read(&folder, &source.name, Origin::OfLanguage)?);
        }
        let path = folder.join(FILE);
        let texts = read_file(&path)?
            .map(|text| Texts::parse(tag, &path.display().to_string(), &text))
            .transpose()?;
        if own.is_empty() && texts.is_none() {
            continue;
        }
        if let Some(other) = found.iter().find(|other| other.tag == tag) {
            return Err(TemplateError(format!(
                "TEMPLATES_DIR: the folders {} and {name} are for one language; put their files into {tag}",
                other.name
            )));
        }
        found.push(LanguageFolder { tag, name, own, texts });
    }
    Ok(found)
}

/// The templates for each language that has some of its own: those of its folder, those of the folders of broader languages, and for
/// the others `base`.
pub(crate) fn sources_of(languages: &[LanguageFolder], base: &Sources) -> Vec<(Tag, Sources)> {
    let with_templates = || languages.iter().filter(|language| !language.own.is_empty());
    let sources = |tag: Tag| {
        let folders =
            || tag.and_broader().filter_map(|tag| with_templates().find(|folder| folder.tag == tag));
        let source = |source: &Source| {
            let mut own = folders().flat_map(|folder| &folder.own).filter(|own| own.name == source.name);
            own.next().unwrap_or(source).clone()
        };
        Sources(base.all().iter().map(source).collect())
    };
    with_templates().map(|language| (language.tag, sources(language.tag))).collect()
}
