//! Passwords and URLs with passwords: values that no log line and no error may show.

use std::fmt;

/// A value that must not be printed: `Debug` shows a placeholder.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps the text as it is.
    #[must_use]
    pub fn new(value: String) -> Self {
        Self(value)
    }

    /// The text itself, for the code that sends it to a server.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
