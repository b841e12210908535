//! Reads tables of TOML in the order of the file, and collects what is wrong with them, each with its line. What the tables mean is left
//! to `file`.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use crate::routes::error::RouteProblem;

/// How many letters may differ between a key and the one that was meant.
const TYPOS: usize = 2;

/// What is wrong with a text, so far.
#[derive(Debug)]
pub(super) struct RouteProblems<'a> {
    text: &'a str,
    found: Vec<RouteProblem>,
}

/// A key of a table with its value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    /// The key.
    pub key: &'a str,
    /// Where the key begins, in bytes.
    pub at: usize,
    /// Its value.
    pub value: &'a DeValue<'a>,
    /// Where the value begins.
    pub value_at: usize,
}

impl<'a> RouteProblems<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { text, found: Vec::new() }
    }

    /// Notes a problem at this byte of the text.
    pub fn add(&mut self, at: usize, sentence: String) {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line = Some(1 + before.matches('\n').count());
        self.found.push(RouteProblem { line, sentence });
    }

    /// Notes a problem with the whole text.
    pub fn add_of_whole(&mut self, sentence: &str) {
        self.found.push(RouteProblem { line: None, sentence: sentence.to_owned() });
    }

    /// The table of the text, unless it is no TOML.
    pub fn parse(&mut self) -> Option<DeTable<'a>> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in &errors {
            self.add(
                error.span().map_or(0, |span: Range<usize>| span.start),
                format!("it is no TOML: {}", error.message()),
            );
        }
        errors.is_empty().then(|| table.into_inner())
    }

    /// The text of an entry, without blanks around it; `whose` names its table.
    pub fn text(&mut self, whose: &str, entry: Entry<'a>) -> Option<&'a str> {
        let sentence = match entry.value.as_str().map(str::trim) {
            Some("") => format!("{whose}{} is empty", entry.key),
            Some(text) => return Some(text),
            None => format!("{whose}{} is {}; expected a text in quotes", entry.key, entry.value.type_str()),
        };
        self.add(entry.value_at, sentence);
        None
    }

    /// A key that is not one of `known`.
    pub fn unknown(&mut self, whose: &str, entry: Entry<'a>, known: &[&str]) {
        let distance = |known: &&&str| strsim::damerau_levenshtein(entry.key, known);
        let meant = known.iter().filter(|known| distance(known) <= TYPOS).min_by_key(distance);
        let expected = meant.map_or_else(
            || format!("expected one of {}", known.join(", ")),
            |meant| format!("did you mean {meant}?"),
        );
        self.add(entry.at, format!("{whose}{:?} is no key of fanmail; {expected}", entry.key));
    }

    /// All of them; empty when nothing is wrong.
    pub fn into_found(self) -> Vec<RouteProblem> {
        self.found
    }
}

/// The entries of a table, in the order of the file.
pub(super) fn in_order<'a>(table: &'a DeTable<'a>) -> Vec<Entry<'a>> {
    let mut entries: Vec<Entry<'a>> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref(),
            at: key.span().start,
            value: value.get_ref(),
            value_at: value.span().start,
        })
        .collect();
    entries.sort_by_key(|entry| entry.at);
    entries
}
