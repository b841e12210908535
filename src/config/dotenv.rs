//! Reads the text of a `.env` as python-dotenv does: names, quotes, escapes, comments and `${NAME}`. Where the text comes
//! from and what the values mean is left to others.
//!
//! The rules are those of python-dotenv's parser, versions 0.21 to 1.2, also where they surprise: `A= # b` is the value
//! `# b`, and a backslash before a quote never ends a value if a later quote can.

use std::collections::BTreeMap;

/// What a `.env` says.
#[derive(Debug, PartialEq, Eq)]
pub struct Dotenv {
    /// The variables that have a value. If a name occurs twice, the last line counts.
    pub variables: BTreeMap<String, String>,
    /// The line, from 1, where each of them gets its value.
    pub lines: BTreeMap<String, usize>,
    /// The first line, from 1, of each statement that cannot be read. Such a statement sets nothing.
    pub unreadable_lines: Vec<usize>,
}

impl Dotenv {
    /// Reads a text. `${NAME}` is the value of `process`, or else that of an earlier line, or else what follows `:-`.
    #[must_use]
    pub fn read(text: &str, process: &BTreeMap<String, String>) -> Self {
        // As Python opens a text file: every line ends with LF.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n");
        let mut parser = Parser { rest: &text, line: 1 };
        let mut values: BTreeMap<String, Option<String>> = BTreeMap::new();
        let (mut lines, mut unreadable_lines) = (BTreeMap::new(), Vec::new());
        while parser.next_statement() {
            let line = parser.line;
            let Some(statement) = parser.statement() else {
                parser.skip_line();
                unreadable_lines.push(line);
                continue;
            };
            let Statement::Assignment(Assignment { name, value }) = statement else { continue };
            let known = |name: &str| match process.get(name) {
                Some(value) => Some(value.clone()),
                None => values.get(name).map(|value| value.clone().unwrap_or_default()),
            };
            let value = value.map(|value| expand(&value, &known));
            values.insert(name.to_owned(), value);
            lines.insert(name.to_owned(), line);
        }
        let variables: BTreeMap<_, _> =
            values.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        lines.retain(|name, _| variables.contains_key(name));
        Self { variables, lines, unreadable_lines }
    }
}

/// A line, or several if a value in quotes has them.
enum Statement<'a> {
    Comment,
    Assignment(Assignment<'a>),
}

/// `NAME=value`, or a name without a value, which sets nothing.
struct Assignment<'a> {
    name: &'a str,
    value: Option<String>,
}

struct Parser<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Parser<'a> {
    /// Goes to where the next statement or comment begins.
    fn next_statement(&mut self) -> bool {
        self.take_while(is_space);
        !self.rest.is_empty()
    }

    /// Reads a statement with the end of its line. `None` is what cannot be read.
    fn statement(&mut self) -> Option<Statement<'a>> {
        self.export();
        if self.rest.starts_with('#') {
            self.end_of_line()?;
            return Some(Statement::Comment);
        }
        let name = self.name()?;
        self.take_while(is_blank);
        let value = if self.eat('=') { Some(self.value()?) } else { None };
        self.end_of_line()?;
        Some(Statement::Assignment(Assignment { name, value }))
    }

    fn export(&mut self) {
        if self.rest.strip_prefix("export").is_some_and(|after| after.starts_with(is_blank)) {
            self.take("export".len());
            self.take_while(is_blank);
        }
    }

    fn name(&mut self) -> Option<&'a str> {
        let name = if self.rest.starts_with('\'') {
            let length = self.rest[1..].find('\'')?;
            &self.take(length + 2)[1..=length]
        } else {
            self.take_while(|c| !is_space(c) && !matches!(c, '=' | '#'))
        };
        (!name.is_empty()).then_some(name)
    }

    fn value(&mut self) -> Option<String> {
        self.take_while(is_blank);
        match self.rest.chars().next() {
            Some('"') => self.quoted('"').map(|text| unescape(text, double_quote_escape)),
            Some('\'') => self.quoted('\'').map(|text| unescape(text, single_quote_escape)),
            _ => Some(without_comment(self.take_while(|c| c != '\n')).trim_end_matches(is_space).to_owned()),
        }
    }

    /// A value in quotes, which may have several lines. It ends at the first quote without a backslash before it; if
    /// there is none in the whole text, at the last quote.
    fn quoted(&mut self, quote: char) -> Option<&'a str> {
        let text = &self.rest[1..];
        let mut quotes = text.match_indices(quote).map(|(index, _)| index);
        let end = quotes.find(|index| !text[..*index].ends_with('\\')).or_else(|| text.rfind(quote))?;
        Some(&self.take(end + 2)[1..=end])
    }

    fn end_of_line(&mut self) -> Option<()> {
        self.take_while(is_blank);
        if self.rest.starts_with('#') {
            self.take_while(|c| c != '\n');
        }
        (self.rest.is_empty() || self.eat('\n')).then_some(())
    }

    fn skip_line(&mut self) {
        self.take_while(|c| c != '\n');
        self.eat('\n');
    }

    fn eat(&mut self, c: char) -> bool {
        let found = self.rest.starts_with(c);
        if found {
            self.take(c.len_utf8());
        }
        found
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        self.take(self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len()))
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        self.line += taken.matches('\n').count();
        taken
    }
}

/// What Python's `\s` matches: Unicode's white space, and four separators of ASCII.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

fn is_blank(c: char) -> bool {
    is_space(c) && c != '\n'
}

/// Cuts ` # …` off a value without quotes. A `#` behind anything but white space is part of the value.
fn without_comment(value: &str) -> &str {
    let mut signs = value.match_indices('#').map(|(index, _)| index);
    signs.find(|index| value[..*index].ends_with(is_space)).map_or(value, |comment| &value[..comment])
}

fn single_quote_escape(c: char) -> Option<char> {
    matches!(c, '\\' | '\'').then_some(c)
}

fn double_quote_escape(c: char) -> Option<char> {
    Some(match c {
        '\\' | '\'' | '"' => c,
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        _ => return None,
    })
}

/// Replaces a backslash and the character after it, where `escape` knows that character.
fn unescape(text: &str, escape: fn(char) -> Option<char>) -> String {
    let mut result = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let escaped = if c == '\\' { chars.clone().next().and_then(escape) } else { None };
        if escaped.is_some() {
            chars.next();
        }
        result.push(escaped.unwrap_or(c));
    }
    result
}

/// Replaces `${NAME}` and `${NAME:-default}`; `$NAME` and everything else stays as it is.
fn expand(value: &str, known: &dyn Fn(&str) -> Option<String>) -> String {
    let mut result = String::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("${") {
        result.push_str(before);
        if let Some((name, default, behind)) = reference(after) {
            result.push_str(&known(name).unwrap_or_else(|| default.to_owned()));
            rest = behind;
        } else {
            result.push_str("${");
            rest = after;
        }
    }
    result + rest
}

/// Name and default of a reference behind its `${`, and what follows the reference.
fn reference(text: &str) -> Option<(&str, &str, &str)> {
    let (name, after) = text.split_at(text.find(['}', ':'])?);
    if let Some(behind) = after.strip_prefix('}') {
        return Some((name, "", behind));
    }
    let (default, behind) = after.strip_prefix(":-")?.split_once('}')?;
    Some((name, default, behind))
}

#[cfg(test)]
mod tests;
