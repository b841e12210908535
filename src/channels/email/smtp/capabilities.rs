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

    /// The mechanisms that `AUTH` lists, also in the form `AUTH=LOGIN` from before RFC 4954.
    pub fn auth_mechanisms(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|words| {
            let first = match words.first().map(String::as_str) {
                Some("AUTH") => Some(None),
                Some(word) => {
                    word.strip_prefix("AUTH=").map(|word| Some(word).filter(|word| !word.is_empty()))
                }
                None => None,
            };
            let rest = if first.is_some() { &words[1..] } else { &[] };
            first.flatten().into_iter().chain(rest.iter().map(String::as_str))
        })
    }

    /// Whether `AUTH` lists the mechanism.
    pub fn supports_auth(&self, mechanism: Mechanism) -> bool {
        let mechanism = mechanism.to_string();
        self.auth_mechanisms().any(|offered| offered == mechanism)
    }
}
