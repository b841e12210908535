//! `ROUTES_FILE`: what to mail for a routing key, without code. A route maps a pattern of routing keys to a folder of templates and to
//! the people. Reading messages with them is left to `decoder`, the mails to `content`.

pub mod decoder;
pub mod error;
mod field;
mod file;
mod message;
pub mod pattern;
mod reader;
mod text_template;

use std::path::{Path, PathBuf};

use crate::domain::kind::Kind;
use crate::routes::field::FieldPath;
use crate::routes::pattern::Pattern;
use crate::routes::text_template::TextTemplate;

/// The routes of a file, in their order: the first one that matches a routing key is used.
#[derive(Debug)]
pub struct Routes {
    all: Vec<MessageRoute>,
    /// What is done with a message that no route matches and that has no form of fanmail's own.
    pub on_unmatched: OnUnmatched,
    path: PathBuf,
}

/// What is done with a message that no route matches and that has no form of fanmail's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnUnmatched {
    /// It becomes a dead letter.
    #[default]
    DeadLetter,
    /// It is acked.
    Ignore,
}

/// Mails for the routing keys that a pattern matches.
#[derive(Debug)]
pub struct MessageRoute {
    /// Its name.
    pub name: String,
    /// Which routing keys it matches.
    pub pattern: Pattern,
    /// The folder of its templates.
    pub template: String,
    /// Who gets the mails.
    target: RouteAudience,
    /// How to address those who have no name in the message.
    recipient_name: Option<TextTemplate>,
    /// The language of those who have none in the message.
    locale: Option<TextTemplate>,
}

/// Who gets the mails of a route: where the message says it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum RouteAudience {
    /// The participants of the event with this key.
    Event(FieldPath),
    /// The users with this id, or with these ids.
    Users(FieldPath),
    /// This address, or these.
    Addresses(FieldPath),
}

impl OnUnmatched {
    const ALL: [Self; 2] = [Self::DeadLetter, Self::Ignore];

    /// The word in the file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DeadLetter => "dead-letter",
            Self::Ignore => "ignore",
        }
    }
}

impl Routes {
    /// The first route that matches this routing key.
    #[must_use]
    pub fn find(&self, routing_key: &str) -> Option<&MessageRoute> {
        self.all.iter().find(|route| route.pattern.matches(routing_key))
    }

    /// All of them, in the order of the file.
    #[must_use]
    pub fn all(&self) -> &[MessageRoute] {
        &self.all
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name of the file, for a person who may not know the machine.
    fn file_name(&self) -> String {
        self.path.file_name().unwrap_or(self.path.as_os_str()).to_string_lossy().into_owned()
    }

    /// The folders that templates must have for them, each once, without those that are built in.
    #[must_use]
    pub fn folders(&self) -> Vec<String> {
        let own = self.all.iter().filter(|route| route.kind() == Kind::Routed);
        let mut folders: Vec<String> = own.map(|route| route.template.clone()).collect();
        folders.sort_unstable();
        folders.dedup();
        folders
    }
}

impl MessageRoute {
    /// The kind of its notifications: that of the built-in folder, if it uses one.
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind::of_folder(&self.template).unwrap_or(Kind::Routed)
    }
}
