//! The text of a template before it is parsed, with where it comes from; reading files and listing folders.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::content::error::TemplateError;

/// Most files that are looked at. A folder that has more is not one of templates.
pub(crate) const FILES_MAX: usize = 1000;

/// One template before it is parsed.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// How templates refer to it.
    pub name: String,
    /// Its path, for users.
    pub path: String,
    /// Its text.
    pub text: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a template comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It is compiled in.
    BuiltIn,
    /// `TEMPLATES_DIR`, for all languages.
    Own,
    /// `TEMPLATES_DIR`, in the folder of a language.
    OfLanguage,
}

/// The templates that can call each other: each name once.
#[derive(Debug, Clone)]
pub(crate) struct Sources(pub Vec<Source>);

impl Sources {
    /// Name and text of each, for Tera.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|source| (source.name.as_str(), source.text.as_str()))
    }

    /// All of them, the frames first.
    pub fn all(&self) -> &[Source] {
        &self.0
    }

    /// The one of this name.
    pub fn get(&self, name: &str) -> Option<&Source> {
        self.0.iter().find(|source| source.name == name)
    }

    /// The path, for users, of the template that Tera calls `name`.
    pub fn path<'a>(&'a self, name: &'a str) -> &'a str {
        self.get(name).map_or(name, |source| &source.path)
    }
}

impl Source {
    /// The file of this name, if there is one.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn read(dir: &Path, name: &str, origin: Origin) -> Result<Option<Self>, TemplateError> {
        let path = dir.join(name);
        let text = read(&path)?;
        Ok(text.map(|text| Self { name: name.to_owned(), path: path.display().to_string(), text, origin }))
    }
}

/// The text of this file, if there is one.
///
/// # Errors
/// When it is there and cannot be read.
pub(crate) fn read(path: &Path) -> Result<Option<String>, TemplateError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        // A link to a file that is gone is an error.
        Err(error) if error.kind() == ErrorKind::NotFound && path.symlink_metadata().is_err() => Ok(None),
        // A file where a folder would be: there is nothing in it.
        Err(error) if error.kind() == ErrorKind::NotADirectory => Ok(None),
        Err(error) => Err(TemplateError(format!("{} cannot be read: {error}", path.display()))),
    }
}

/// The names of the folders in it, sorted.
pub(crate) fn folders_in(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten().take(FILES_MAX);
    let folders = entries.filter(|entry| entry.path().is_dir());
    let mut names: Vec<String> =
        folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| !name.starts_with('.'));
    names.sort_unstable();
    names
}
