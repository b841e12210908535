//! Which templates exist, and where their text comes from: compiled into the binary, or a file in `TEMPLATES_DIR` that
//! replaces one, or a folder there that is its own, for a route. Parsing is left to `loader`.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::content::error::TemplateError;
use crate::content::folder::Folder;
use crate::content::templates_dir::{TemplatesDir, folders_in};
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
fn embedded() -> impl Iterator<Item = Embedded> {
    FRAMES.into_iter().chain(OF_KINDS)
}

/// One template before it is parsed.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// How templates refer to it.
    pub name: String,
    /// Its path, for users.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// All templates: one for every embedded name, and those of folders of one's own.
#[derive(Debug)]
pub(crate) struct Sources {
    all: Vec<Source>,
    /// The folders that have templates.
    folders: Vec<Folder>,
    /// The folder that was looked at.
    dir: Option<TemplatesDir>,
}

impl Sources {
    /// The built-in templates, each replaced by the file of the same name in `dir`, if there is one, and the folders of `dir` with these
    /// names. Other files there are ignored.
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
            return Ok(Self { all: embedded().map(Source::embedded).collect(), folders, dir: None });
        };
        if !dir.is_dir() {
            return Err(TemplateError(format!(
                "TEMPLATES_DIR: {} is not a directory; create it, or unset the variable to use the built-in \
                 templates",
                dir.display()
            )));
        }
        let mut all = Vec::new();
        let mut used = Vec::new();
        for (name, text) in embedded() {
            all.push(match Source::read(dir, name)? {
                Some(source) => {
                    used.push(name.to_owned());
                    source
                }
                None => Source::embedded((name, text)),
            });
        }
        let of_own: Vec<String> = own.iter().flat_map(|name| Folder::new(name).names()).collect();
        let names = embedded().map(|(name, _)| name.to_owned()).chain(of_own.iter().cloned()).collect();
        for name in of_own {
            let missing = || {
                let path = dir.join(&name);
                TemplateError(format!("{} is missing; a route of ROUTES_FILE needs it", path.display()))
            };
            all.push(Source::read(dir, &name)?.ok_or_else(missing)?);
            used.push(name);
        }
        Ok(Self { all, folders, dir: Some(TemplatesDir::new(dir, used, names)) })
    }

    /// The folders of `TEMPLATES_DIR` that have all templates of a mail, and that no route uses: mails that are in the ledger may need
    /// those of a route that is not there any more.
    pub fn spare(&self, dir: &Path) -> Vec<(Folder, Vec<Source>)> {
        let is_known = |name: &String| self.folders.iter().any(|folder| folder.name == *name);
        let read = |name: String| {
            let folder = Folder::new(&name);
            let sources = folder.names().map(|name| Source::read(dir, &name).ok().flatten());
            Some((folder, sources.into_iter().collect::<Option<Vec<_>>>()?))
        };
        folders_in(dir).into_iter().filter(|name| !is_known(name)).filter_map(read).collect()
    }

    /// Adds a folder with its templates.
    pub fn add(&mut self, folder: Folder, sources: Vec<Source>) {
        self.folders.push(folder);
        self.all.extend(sources);
    }

    /// The folders that have templates.
    pub fn folders(&self) -> &[Folder] {
        &self.folders
    }

    /// The folder that was looked at; `None` without `TEMPLATES_DIR`.
    pub fn dir(&self) -> Option<&TemplatesDir> {
        self.dir.as_ref()
    }

    /// Name and text of each, for Tera.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all.iter().map(|source| (source.name.as_str(), source.text.as_str()))
    }

    /// All of them, the frames first.
    pub fn all(&self) -> &[Source] {
        &self.all
    }

    /// The path, for users, of the template that Tera calls `name`.
    pub fn path<'a>(&'a self, name: &'a str) -> &'a str {
        self.all.iter().find(|source| source.name == name).map_or(name, |source| &source.path)
    }
}

impl Source {
    fn embedded((name, text): Embedded) -> Self {
        Self { name: name.to_owned(), path: format!("templates/{name}"), text: text.to_owned() }
    }

    /// The file of this name, if there is one.
    fn read(dir: &Path, name: &str) -> Result<Option<Self>, TemplateError> {
        let path = dir.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(Self { name: name.to_owned(), path: path.display().to_string(), text })),
            // A link to a file that is gone is an error.
            Err(error) if error.kind() == ErrorKind::NotFound && path.symlink_metadata().is_err() => Ok(None),
            Err(error) => Err(TemplateError(format!("{} cannot be read: {error}", path.display()))),
        }
    }
}
