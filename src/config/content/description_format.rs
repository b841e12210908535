//! `DESCRIPTION_FORMAT`: in which format the application stores the descriptions of its events.

/// A format of text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DescriptionFormat {
    /// Told by the text.
    #[default]
    Auto,
    /// None: every character stands for itself.
    Text,
    /// Markdown (`CommonMark`).
    Markdown,
    /// HTML.
    Html,
}

impl DescriptionFormat {
    /// Reads the value of the variable.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "auto" => Some(Self::Auto),
            "text" => Some(Self::Text),
            "markdown" => Some(Self::Markdown),
            "html" => Some(Self::Html),
            _ => None,
        }
    }
}
