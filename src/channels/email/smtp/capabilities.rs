//! What a relay offers in its reply to EHLO (RFC 5321 section 4.1.1.1).

use lettre::transport::smtp::authentication::Mechanism;

/// The keywords of the reply to EHLO: one line each, its words in capitals.
pub(crate) struct Capabilities(Vec<Vec<String>>);

impl Capabilities {
    /// Reads the text of the reply. Its first line is the relay's name.
    pub fn read(text: &str) -> Self {
        let lines = text.lines().skip(1).map(str::to_ascii_uppercase);
        Self(lines.map(|line| line.split_ascii_whitespace().map(str::to_owned).collect()).collect())
    }

    /// Those of a relay that offers nothing.
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// Whether the relay offers `keyword`.
    pub fn has(&self, keyword: &str) -> bool {
        self.0.iter().any(|words| words.first().is_some_and(|word| word == keyword))
    }

    /// The size limit in bytes. `None` without a number, and for 0, which means no limit (RFC 1870).
    pub fn size_limit(&self) -> Option<usize> {
        let words = self.0.iter().find(|words| words.first().is_some_and(|word| word == "SIZE"))?;
        words.get(1)?.parse().ok().filter(|&limit| limit > 0)
    }

    /// Whether `AUTH` lists the mechanism.
    pub fn supports_auth(&self, mechanism: Mechanism) -> bool {
        let (auth, mechanism) = ("AUTH".to_owned(), mechanism.to_string());
        self.0.iter().any(|words| words.first() == Some(&auth) && words[1..].contains(&mechanism))
    }
}
