//! Where variables come from: the environment of the process, then a file `.env`, read as python-dotenv reads it. What
//! the values mean is left to the sections.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use crate::exit_code::{HasExitCode, MISCONFIGURED};

/// All variables. Those of the process win over those of the file.
#[derive(Clone)]
pub struct Environment {
    variables: BTreeMap<String, String>,
}

/// A `.env` that cannot be used. No text shows a line, which may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum DotenvError {
    /// A line that is not of the form NAME=value.
    #[error(
        "line {line} of {path} cannot be read; expected NAME=value, or NAME=\"value\" with the quotes closed"
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
    },
    /// The file exists, but cannot be read.
    #[error("{path} cannot be read; correct its permissions and encoding (UTF-8), or remove it")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
}

impl HasExitCode for DotenvError {
    fn exit_code(&self) -> u8 {
        MISCONFIGURED
    }
}

impl Environment {
    /// Reads the environment of the process, and the file `dotenv` if it exists.
    ///
    /// # Errors
    /// When the file exists and cannot be used.
    pub fn load(dotenv: &Path) -> Result<Self, DotenvError> {
        let text = match fs::read_to_string(dotenv) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(source) => {
                return Err(DotenvError::Unreadable { path: dotenv.to_owned(), source });
            }
        };
        let mut variables =
            parse_dotenv(&text).map_err(|line| DotenvError::Malformed { path: dotenv.to_owned(), line })?;
        // A value that is not UTF-8 is reported with its variable when a section reads it.
        variables.extend(env::vars_os().map(|(name, value)| {
            (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
        }));
        Ok(Self { variables })
    }

    /// The value of a variable, if it is set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    /// A sentence for each variable that is set and differs from one of `known` by one or two letters.
    #[must_use]
    pub fn misspelt(&self, known: &[String]) -> Vec<String> {
        self.variables
            .keys()
            .filter(|name| !known.contains(name))
            .filter_map(|name| {
                let distance = |known: &String| strsim::damerau_levenshtein(name, known);
                let meant =
                    known.iter().min_by_key(|known| distance(known)).filter(|known| distance(known) <= 2)?;
                Some(format!("{name} is set, but fanmail has no such variable; did you mean {meant}?"))
            })
            .collect()
    }
}

/// Reads the text of a `.env`. If a name occurs twice, the last value counts, as in Python.
///
/// # Errors
/// The number of the first line, from 1, that cannot be read.
pub fn parse_dotenv(text: &str) -> Result<BTreeMap<String, String>, usize> {
    let (text, starts) = to_dotenvy_syntax(text);
    dotenvy::from_read_iter(text.as_bytes())
        .enumerate()
        .map(|(index, entry)| entry.map_err(|_| starts.get(index).copied().unwrap_or_default()))
        .collect()
}

/// Rewrites the text so that dotenvy reads it as python-dotenv does. Also returns the line number of each entry.
///
/// Python reads a value without quotes to the end of the line, with spaces and backslashes, and replaces only `${NAME}`.
/// dotenvy refuses such a value (`FROM_NAME=Our Events`), and replaces `$word` within a password.
fn to_dotenvy_syntax(text: &str) -> (String, Vec<usize>) {
    let mut rewritten = Vec::new();
    let mut starts = Vec::new();
    let mut open_quote = None;
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        if let Some(quote) = open_quote {
            if line.contains(quote) {
                open_quote = None;
            }
            rewritten.push(line.to_owned());
            continue;
        }
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        starts.push(index + 1);
        let Some((name, value)) = trimmed.split_once('=') else {
            rewritten.push(trimmed.to_owned());
            continue;
        };
        let value = value.trim_start();
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
        open_quote = quote.filter(|quote| !value[1..].contains(*quote));
        rewritten.push(match quote {
            Some('"') => format!("{name}={}", escape(value, true)),
            Some(_) => format!("{name}={value}"),
            None => format!("{name}=\"{}\"", escape(without_comment(value), false)),
        });
    }
    (rewritten.join("\n"), starts)
}

/// Removes ` # …` from a value without quotes; a `#` within a word is part of the value.
fn without_comment(value: &str) -> &str {
    let mut after_space = true;
    for (index, c) in value.char_indices() {
        if c == '#' && after_space {
            return value[..index].trim_end();
        }
        after_space = c.is_whitespace();
    }
    value
}

/// Escapes every `$` that does not begin `${NAME}`, which dotenvy would replace. In a value without quotes also escapes
/// backslashes and quotes, which are plain characters there.
fn escape(value: &str, had_quotes: bool) -> String {
    let mut escaped = String::with_capacity(value.len());
    let mut after_backslash = false;
    let mut chars = value.chars().peekable();
    while let Some(c) = chars.next() {
        let special = match c {
            '$' => chars.peek() != Some(&'{') && !(had_quotes && after_backslash),
            '\\' | '"' => !had_quotes,
            _ => false,
        };
        if special {
            escaped.push('\\');
        }
        escaped.push(c);
        after_backslash = c == '\\' && !after_backslash;
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_python_dotenv_reads() {
        let text = concat!(
            "\u{feff}# the earlier service\r\n",
            "\r\n",
            "export SMTP_HOST = smtp.gmail.com\r\n",
            "FROM_NAME=Our \"Bob's\" Events  # shown in the client\n",
            "SMTP_PASSWORD=a$b#c\\d $HOME $\n",
            "QUOTED=\"a$b # c \\\" \\\\ \\$d\" # don't\n",
            "SINGLE='a$b \\ c'\n",
            "EMPTY=\n",
            "ONLY_COMMENT= # none\n",
            "REFERENCE=https://${SMTP_HOST}/\n",
            "LINES=\"one\n",
            "# two = 2\n",
            "three\"\n",
            "TWICE=first\n",
            "TWICE=last",
        );
        let expected = [
            ("SMTP_HOST", "smtp.gmail.com"),
            ("FROM_NAME", "Our \"Bob's\" Events"),
            ("SMTP_PASSWORD", "a$b#c\\d $HOME $"),
            ("QUOTED", "a$b # c \" \\ $d"),
            ("SINGLE", "a$b \\ c"),
            ("EMPTY", ""),
            ("ONLY_COMMENT", ""),
            ("REFERENCE", "https://smtp.gmail.com/"),
            ("LINES", "one\n# two = 2\nthree"),
            ("TWICE", "last"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(parse_dotenv(text), Ok(expected.into()));
    }

    #[test]
    fn an_error_names_the_line_that_cannot_be_read() {
        assert_eq!(parse_dotenv("# one\n\nA=1\nB is 2\nC=3\n"), Err(4));
        assert_eq!(parse_dotenv("A=\"one\ntwo\"\n1B=2\n"), Err(3));
        assert_eq!(parse_dotenv("A=1\nB=\"never closed\nC=3\n"), Err(2));
    }

    #[test]
    fn the_process_wins_over_the_file_and_a_missing_file_is_allowed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".env");
        let from_process = env::var("PATH").unwrap();
        assert_eq!(Environment::load(&path).unwrap().get("PATH"), Some(from_process.clone()));
        fs::write(&path, "PATH=elsewhere\nFANMAIL_TEST=here\n").unwrap();
        let environment = Environment::load(&path).unwrap();
        assert_eq!(environment.get("PATH"), Some(from_process));
        assert_eq!(environment.get("FANMAIL_TEST").as_deref(), Some("here"));
        assert_eq!(environment.get("FANMAIL_NOT_SET"), None);
    }

    #[test]
    fn a_broken_file_is_reported_without_its_content() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".env");
        fs::write(&path, "A=1\nSMTP_PASSWORD \"MARKER\n").unwrap();
        let error = Environment::load(&path).err().unwrap();
        assert!(error.to_string().starts_with("line 2 of "), "{error}");
        assert!(!format!("{error:?}").contains("MARKER"));
        let error = Environment::load(dir.path()).err().unwrap();
        assert!(error.to_string().contains("correct its permissions"), "{error}");
    }

    #[test]
    fn a_misspelt_name_gets_a_hint_and_an_unrelated_one_does_not() {
        let variables = ["SMTP_CONECTIONS", "LAVINMQ_SERVICE_HOST", "SMTP_HOST"]
            .map(|name| (name.to_owned(), "x".to_owned()))
            .into();
        let known = ["SMTP_CONNECTIONS", "LAVINMQ_HOST", "SMTP_HOST"].map(str::to_owned);
        assert_eq!(
            Environment { variables }.misspelt(&known),
            ["SMTP_CONECTIONS is set, but fanmail has no such variable; did you mean SMTP_CONNECTIONS?"]
        );
    }
}
