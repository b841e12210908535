//! What a relay offers in its reply to EHLO.

use lettre::transport::smtp::authentication::Mechanism;

/// What a relay offers in its reply to EHLO (RFC 5321 section 4.1.1.1): a line for each, its words in capitals.
pub(crate) struct Capabilities(Vec<Vec<String>>);

impl Capabilities {
    pub fn read(text: &str) -> Self {
        // The first line is the relay's name.
        let lines = text.lines().skip(1).map(str::to_ascii_uppercase);
        Self(lines.map(|line| line.split_ascii_whitespace().map(str::to_owned).collect()).collect())
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|words| words.first().is_some_and(|word| word == name))
    }

    /// None without a number, and with 0, which means that there is no limit (RFC 1870).
    pub fn size_limit(&self) -> Option<usize> {
        let words = self.0.iter().find(|words| words.first().is_some_and(|word| word == "SIZE"))?;
        words.get(1)?.parse().ok().filter(|&limit| limit > 0)
    }

    pub fn logs_in_by(&self, mechanism: Mechanism) -> bool {
        let (auth, mechanism) = ("AUTH".to_owned(), mechanism.to_string());
        self.0.iter().any(|words| words.first() == Some(&auth) && words[1..].contains(&mechanism))
    }
}
