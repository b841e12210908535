//! Which templates exist, and where their text comes from: compiled into the binary, or a file in `TEMPLATES_DIR` that
//! replaces one. Parsing is left to `loader`.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::content::error::TemplateError;
use crate::content::templates_dir::TemplatesDir;
use crate::domain::content::MediaType;
use crate::domain::kind::Kind;

/// Name and text of a template that is compiled into the binary. The name is how templates call each other.
type Embedded = (&'static str, &'static str);

/// The frames of the mails. They come first, so that an error in a frame is reported there and not at a template that
/// extends it.
const FRAMES: [Embedded; 2] = [
    ("base.html", include_str!("../../templates/base.html")),
    ("base.txt", include_str!("../../templates/base.txt")),
];

/// The templates of one kind.
pub(crate) struct KindTemplates {
    subject: Embedded,
    /// The parts, the plainest first.
    pub parts: [PartTemplate; 2],
}

/// The template of one part.
pub(crate) struct PartTemplate {
    /// The format that it renders.
    pub media_type: MediaType,
    embedded: Embedded,
}

/// The templates in a folder of `templates/`.
macro_rules! templates_in {
    ($folder:literal) => {
        KindTemplates {
            subject: embedded!($folder, "/subject.txt"),
            parts: [
                PartTemplate { media_type: MediaType::Plain, embedded: embedded!($folder, "/body.txt") },
                PartTemplate { media_type: MediaType::Html, embedded: embedded!($folder, "/body.html") },
            ],
        }
    };
}

macro_rules! embedded {
    ($folder:literal, $file:literal) => {
        (concat!($folder, $file), include_str!(concat!("../../templates/", $folder, $file)))
    };
}

impl KindTemplates {
    /// The templates of `kind`.
    pub const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Created => templates_in!("created"),
            Kind::Updated => templates_in!("updated"),
            Kind::Cancelled => templates_in!("cancelled"),
            Kind::Reminder => templates_in!("reminder"),
            Kind::Notice => templates_in!("notice"),
        }
    }

    /// The name of the subject's template.
    pub const fn subject(&self) -> &'static str {
        self.subject.0
    }

    fn all(self) -> impl Iterator<Item = Embedded> {
        [self.subject].into_iter().chain(self.parts.map(|part| part.embedded))
    }
}

impl PartTemplate {
    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.embedded.0
    }
}

/// The text of a built-in frame.
pub(crate) fn built_in_frame(name: &str) -> Option<&'static str> {
    FRAMES.into_iter().find(|(known, _)| *known == name).map(|(_, text)| text)
}

/// Every embedded template, the frames first.
fn embedded() -> impl Iterator<Item = Embedded> {
    FRAMES.into_iter().chain(Kind::ALL.into_iter().map(KindTemplates::of).flat_map(KindTemplates::all))
}

/// One template before it is parsed.
#[derive(Debug)]
pub(crate) struct Source {
    /// How templates refer to it.
    pub name: &'static str,
    /// Its path, for users.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// All templates, one for every embedded name.
#[derive(Debug)]
pub(crate) struct Sources {
    all: Vec<Source>,
    /// The folder that was looked at.
    dir: Option<TemplatesDir>,
}

impl Sources {
    /// The built-in templates, each replaced by the file of the same name in `dir`, if there is one. Other files there
    /// are ignored.
    ///
    /// # Errors
    /// When `dir` is not a directory or a file in it cannot be read.
    pub fn read(dir: Option<&Path>) -> Result<Self, TemplateError> {
        let Some(dir) = dir else {
            return Ok(Self { all: embedded().map(Source::embedded).collect(), dir: None });
        };
        if !dir.is_dir() {
            return Err(TemplateError(format!(
                "TEMPLATES_DIR: {} is not a directory; create it, or unset the variable to use the built-in \
                 templates",
                dir.display()
            )));
        }
        let mut all = Vec::new();
        let mut replaced = Vec::new();
        for (name, text) in embedded() {
            let path = dir.join(name);
            match fs::read_to_string(&path) {
                Ok(text) => {
                    replaced.push(name);
                    all.push(Source { name, path: path.display().to_string(), text });
                }
                // A link to a file that is gone is an error.
                Err(error) if error.kind() == ErrorKind::NotFound && path.symlink_metadata().is_err() => {
                    all.push(Source::embedded((name, text)));
                }
                Err(error) => {
                    return Err(TemplateError(format!("{} cannot be read: {error}", path.display())));
                }
            }
        }
        let names = embedded().map(|(name, _)| name).collect();
        Ok(Self { all, dir: Some(TemplatesDir::new(dir, replaced, names)) })
    }

    /// The folder that was looked at; `None` without `TEMPLATES_DIR`.
    pub fn dir(&self) -> Option<&TemplatesDir> {
        self.dir.as_ref()
    }

    /// Name and text of each, for Tera.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all.iter().map(|source| (source.name, source.text.as_str()))
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
    fn embedded((name, text): (&'static str, &str)) -> Self {
        Self { name, path: format!("templates/{name}"), text: text.to_owned() }
    }
}
