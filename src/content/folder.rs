//! The templates of one sort of mail: a folder with a subject and the parts.

use crate::domain::content::MediaType;

/// The names of the templates in one folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Folder {
    /// Its name.
    pub name: String,
    /// The template of the subject.
    pub subject: String,
    /// Those of the parts, the plainest first.
    pub parts: [PartTemplate; 2],
}

/// The template of one part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartTemplate {
    /// The format that it renders.
    pub media_type: MediaType,
    /// Its name.
    pub name: String,
}

impl Folder {
    /// The folder of this name.
    pub fn new(name: &str) -> Self {
        let part = |media_type, file| PartTemplate { media_type, name: format!("{name}/{file}") };
        Self {
            name: name.to_owned(),
            subject: format!("{name}/subject.txt"),
            parts: [part(MediaType::Plain, "body.txt"), part(MediaType::Html, "body.html")],
        }
    }

    /// The names of its templates.
    pub fn names(&self) -> [String; 3] {
        [self.subject.clone(), self.parts[0].name.clone(), self.parts[1].name.clone()]
    }
}
