//! What one participant reads, before a channel puts it into its own format. How it is rendered is left to `content`.

use std::sync::Arc;

use crate::domain::calendar_entry::CalendarEntry;

/// The content of one mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The language that it is written in, as a tag (RFC 5646).
    pub language: Arc<str>,
    /// One line, not empty, of at most 120 characters.
    pub subject: String,
    /// The same message in different forms, the plainest first (RFC 2046 section 5.1.4).
    pub parts: Vec<ContentPart>,
    /// The event for the calendar of the participant, if the message is about one.
    pub calendar: Option<Arc<CalendarEntry>>,
    /// Where the participant says that they want no more such mails.
    pub unsubscribe_url: Option<String>,
}

/// One form of the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentPart {
    /// Its format.
    pub media_type: MediaType,
    /// The text, with `\n` at the end of each line. Plain text is wrapped.
    pub text: String,
}

/// The format of a part (RFC 2046). All are UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaType {
    /// `text/plain`
    Plain,
    /// `text/html`
    Html,
}

impl Content {
    /// The text of the first part of this type; empty when there is none.
    #[must_use]
    pub fn text(&self, media_type: MediaType) -> &str {
        self.parts.iter().find(|part| part.media_type == media_type).map_or("", |part| &part.text)
    }
}

impl MediaType {
    /// As `Content-Type` has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "text/plain",
            Self::Html => "text/html",
        }
    }
}
