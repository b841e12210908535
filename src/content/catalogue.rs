//! Where the templates come from: those in the binary, and a team's own in `TEMPLATES_DIR` in their place.
//! Reads files, parses nothing.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::content::error::TemplateError;

/// Name and text of every embedded template. The two frames come first: a mistake in a frame is reported there
/// and not at a template that extends it.
const EMBEDDED: [(&str, &str); 11] = [
    ("base.html", include_str!("../../templates/base.html")),
    ("base.txt", include_str!("../../templates/base.txt")),
    ("created/subject.txt", include_str!("../../templates/created/subject.txt")),
    ("created/body.html", include_str!("../../templates/created/body.html")),
    ("created/body.txt", include_str!("../../templates/created/body.txt")),
    ("updated/subject.txt", include_str!("../../templates/updated/subject.txt")),
    ("updated/body.html", include_str!("../../templates/updated/body.html")),
    ("updated/body.txt", include_str!("../../templates/updated/body.txt")),
    ("cancelled/subject.txt", include_str!("../../templates/cancelled/subject.txt")),
    ("cancelled/body.html", include_str!("../../templates/cancelled/body.html")),
    ("cancelled/body.txt", include_str!("../../templates/cancelled/body.txt")),
];

/// One template before it is parsed.
#[derive(Debug)]
pub(crate) struct Source {
    /// How templates call each other.
    pub name: &'static str,
    /// Where a person finds it.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// All templates, one for every embedded name.
#[derive(Debug)]
pub(crate) struct Sources(Vec<Source>);

impl Sources {
    /// The embedded templates, each replaced by the file of the same name in `dir`, where there is one. Other
    /// files there do not matter.
    pub fn read(dir: Option<&Path>) -> Result<Self, TemplateError> {
        let Some(dir) = dir else {
            return Ok(Self(EMBEDDED.into_iter().map(Source::embedded).collect()));
        };
        if !dir.is_dir() {
            return Err(TemplateError(format!(
                "TEMPLATES_DIR: {} is not a directory; make it, or unset the variable to use the embedded \
                 templates",
                dir.display()
            )));
        }
        let mut sources = Vec::with_capacity(EMBEDDED.len());
        let mut replaced = Vec::new();
        for (name, text) in EMBEDDED {
            let path = dir.join(name);
            match fs::read_to_string(&path) {
                Ok(text) => {
                    replaced.push(name);
                    sources.push(Source { name, path: path.display().to_string(), text });
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    sources.push(Source::embedded((name, text)));
                }
                Err(error) => {
                    return Err(TemplateError(format!("{} cannot be read: {error}", path.display())));
                }
            }
        }
        if replaced.is_empty() {
            log::warn!(
                "TEMPLATES_DIR: {} has none of {}; the embedded templates are used",
                dir.display(),
                EMBEDDED.map(|(name, _)| name).join(", ")
            );
        } else {
            log::info!(
                "templates from {}: {}; the others are the embedded ones",
                dir.display(),
                replaced.join(", ")
            );
        }
        Ok(Self(sources))
    }

    /// Name and text of each, as Tera wants them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|source| (source.name, source.text.as_str()))
    }

    /// Each of them, the frames first.
    pub fn all(&self) -> &[Source] {
        &self.0
    }

    /// Where a person finds the template that Tera calls `name`.
    pub fn path<'a>(&'a self, name: &'a str) -> &'a str {
        self.0.iter().find(|source| source.name == name).map_or(name, |source| &source.path)
    }
}

impl Source {
    fn embedded((name, text): (&'static str, &str)) -> Self {
        Self { name, path: format!("templates/{name}"), text: text.to_owned() }
    }
}
