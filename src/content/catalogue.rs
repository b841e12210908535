//! Which templates exist, and where their text comes from: compiled into the binary, or a file in `TEMPLATES_DIR` that
//! replaces one, or a folder there that is its own, for a route. A folder there that is named like a language has the same for that
//! language alone. Parsing is left to `loader`.

pub(crate) mod languages;
pub(crate) mod source;

use std::path::Path;

use crate::content::catalogue::languages::LanguageFolder;
use crate::content::catalogue::source::{Origin, Source, Sources, folders_in};
use crate::content::error::TemplateError;
use crate::content::folder::Folder;
use crate::content::tag::Tag;
use crate::content::templates_dir::TemplatesDir;
use crate::content::texts::Texts;
use crate::domain::kind::Kind;

/// Name and text of a template that is compiled into the binary. The name is how templates call each other.
type Embedded = (&'static str, &'static str);

macro_rules! embedded {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../../templates/", $name)))),+]
    };
}

/// The frames of the mails. They come first, so that an error in a frame is reported there and not at a template that
/// extends it.
const FRAMES: [Embedded; 2] = embedded!["base.html", "base.txt"];

/// The templates of the kinds.
const OF_KINDS: [Embedded; 15] = embedded![
    "created/subject.txt",
    "created/body.txt",
    "created/body.html",
    "updated/subject.txt",
    "updated/body.txt",
    "updated/body.html",
    "cancelled/subject.txt",
    "cancelled/body.txt",
    "cancelled/body.html",
    "reminder/subject.txt",
    "reminder/body.txt",
    "reminder/body.html",
    "notice/subject.txt",
    "notice/body.txt",
    "notice/body.html",
];

/// The text of a built-in frame.
pub(crate) fn built_in_frame(name: &str) -> Option<&'static str> {
    FRAMES.into_iter().find(|(known, _)| *known == name).map(|(_, text)| text)
}

/// Every embedded template, the frames first.
pub(crate) fn embedded() -> impl Iterator<Item = Embedded> {
    FRAMES.into_iter().chain(OF_KINDS)
}

/// All that there is before it is parsed.
#[derive(Debug)]
pub(crate) struct Catalogue {
    /// One template for every embedded name, and those of folders of one's own.
    pub sources: Sources,
    /// The folders that have templates.
    pub folders: Vec<Folder>,
    /// What `TEMPLATES_DIR` has for single languages.
    pub languages: Vec<LanguageFolder>,
    /// The folder that was looked at; `None` without `TEMPLATES_DIR`.
    pub dir: Option<TemplatesDir>,
}

impl Catalogue {
    /// The built-in templates, each replaced by the file of the same name in `dir`, if there is one, and the folders of `dir` with these
    /// names, and what it has for single languages. Other files there are ignored.
    ///
    /// # Errors
    /// When `dir` is not a directory or a file in it cannot be read, or a folder lacks a template.
    pub fn read(dir: Option<&Path>, own: &[String]) -> Result<Self, TemplateError> {
        let mut folders: Vec<Folder> =
            Kind::ALL.into_iter().filter_map(Kind::folder).map(Folder::new).collect();
        folders.extend(own.iter().map(|name| Folder::new(name)));
        let Some(dir) = dir else {
            if let Some(missing) = own.first() {
                return Err(TemplateError(format!(
                    "a route of ROUTES_FILE has the templates {missing}, and TEMPLATES_DIR is not set; set it to the folder that \
                     has {missing}/subject.txt, {missing}/body.txt and {missing}/body.html"
                )));
            }
            let sources = Sources(embedded().map(embedded_source).collect());
            return Ok(Self { sources, folders, languages: Vec::new(), dir: None });
        };
        if !dir.is_dir() {
            return Err(TemplateError(format!(
                "TEMPLATES_DIR: {} is not a directory; create it, or unset the variable to use the built-in \
                 templates",
                dir.display()
            )));
        }
        let mut all = Vec::new();
        for (name, text) in embedded() {
            let own = Source::read(dir, name, Origin::Own)?;
            all.push(own.unwrap_or_else(|| embedded_source((name, text))));
        }
        let of_own: Vec<String> = own.iter().flat_map(|name| Folder::new(name).names()).collect();
        for name in &of_own {
            let missing = || {
                let path = dir.join(name);
                TemplateError(format!("{} is missing; a route of ROUTES_FILE needs it", path.display()))
            };
            all.push(Source::read(dir, name, Origin::Own)?.ok_or_else(missing)?);
        }
        let names = embedded().map(|(name, _)| name.to_owned()).chain(of_own).collect();
        let used = all.iter().filter(|source| source.origin == Origin::Own);
        let used = used.map(|source| source.name.clone()).collect();
        let languages = languages::read(dir, own, &all)?;
        let dir = TemplatesDir::new(dir, used, names, &languages);
        Ok(Self { sources: Sources(all), folders, languages, dir: Some(dir) })
    }

    /// The folders of `TEMPLATES_DIR` that have all templates of a mail, and that no route uses: mails that are in the ledger may need
    /// those of a route that is not there any more.
    pub fn spare(&self, dir: &Path) -> Vec<(Folder, Vec<Source>)> {
        let is_known = |name: &String| self.folders.iter().any(|folder| folder.name == *name);
        let read = |name: String| {
            let folder = Folder::new(&name);
            let sources = folder.names().map(|name| Source::read(dir, &name, Origin::Own).ok().flatten());
            Some((folder, sources.into_iter().collect::<Option<Vec<_>>>()?))
        };
        folders_in(dir).into_iter().filter(|name| !is_known(name)).filter_map(read).collect()
    }

    /// Adds a folder with its templates.
    pub fn add(&mut self, folder: Folder, sources: Vec<Source>) {
        self.folders.push(folder);
        self.sources.0.extend(sources);
    }

    /// Takes the texts of single languages, and which languages have a folder.
    pub fn take_texts(&mut self) -> (Vec<Texts>, Vec<Tag>) {
        let texts = self.languages.iter_mut().filter_map(|language| language.texts.take()).collect();
        (texts, self.languages.iter().map(|language| language.tag).collect())
    }
}

fn embedded_source((name, text): Embedded) -> Source {
    Source {
        name: name.to_owned(),
        path: format!("templates/{name}"),
        text: text.to_owned(),
        origin: Origin::BuiltIn,
    }
}
