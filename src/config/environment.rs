//! Where variables come from: the environment of the process, then a file `.env`. How its text is read is left to
//! `dotenv`, what the values mean to the sections.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use crate::config::dotenv::Dotenv;
use crate::exit_code::{HasExitCode, MISCONFIGURED};

/// All variables. Those of the process win over those of the file.
#[derive(Clone)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    /// Where in the file those are that the process does not set.
    lines: BTreeMap<String, usize>,
    unreadable_lines: Vec<String>,
    origin: String,
}

/// Where a variable is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetIn {
    /// In the environment of the process.
    Process,
    /// In this line of `.env`, from 1.
    Dotenv(usize),
}

/// A `.env` that exists, but cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be read; correct its permissions and encoding (UTF-8), or remove it")]
pub struct DotenvError {
    path: PathBuf,
    source: io::Error,
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
        let whole = std::path::absolute(dotenv).unwrap_or_else(|_| dotenv.to_owned());
        let (text, origin) = match fs::read_to_string(dotenv) {
            Ok(text) => (text, format!("the environment and {}", whole.display())),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let dir = whole.parent().unwrap_or(&whole);
                (String::new(), format!("the environment only (there is no .env in {})", dir.display()))
            }
            Err(source) => {
                return Err(DotenvError { path: dotenv.to_owned(), source });
            }
        };
        // A value that is not UTF-8 is reported with its variable when a section reads it.
        let process: BTreeMap<String, String> = env::vars_os()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
            .collect();
        let Dotenv { mut variables, mut lines, unreadable_lines } = Dotenv::read(&text, &process);
        lines.retain(|name, _| !process.contains_key(name));
        variables.extend(process);
        Ok(Self {
            variables,
            lines,
            unreadable_lines: unreadable_lines.into_iter().map(|line| unreadable(line, dotenv)).collect(),
            origin,
        })
    }

    /// Where the variables come from, for people: the environment, and the whole path of the file or that there is none.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// A sentence for each line of the file that cannot be read and sets nothing. No sentence shows the line, which may
    /// hold a password.
    #[must_use]
    pub fn unreadable_lines(&self) -> &[String] {
        &self.unreadable_lines
    }

    /// The value of a variable, if it is set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    /// Where a variable is set, if it is.
    #[must_use]
    pub fn set_in(&self, name: &str) -> Option<SetIn> {
        self.variables.get(name)?;
        Some(self.lines.get(name).map_or(SetIn::Process, |line| SetIn::Dotenv(*line)))
    }

    /// A sentence for each variable that is set and seems to mean one of `known`: written in small letters, with one or two
    /// letters wrong, or shortened.
    #[must_use]
    pub fn misspelt(&self, known: &[String]) -> Vec<String> {
        self.variables
            .keys()
            .filter(|name| !known.contains(name))
            .filter_map(|name| {
                let meant = self.find_meant(&name.to_uppercase().replace(['-', '.'], "_"), known)?;
                Some(format!("{name} is set, but fanmail has no such variable; did you mean {meant}?"))
            })
            .collect()
    }

    /// The variable that is meant by `name`.
    fn find_meant<'a>(&self, name: &str, known: &'a [String]) -> Option<&'a String> {
        let distance = |known: &String| strsim::damerau_levenshtein(name, known);
        let is_meant = |known: &String| match distance(known) {
            0 | 1 => true,
            // HTTP_PORT is a name of its own.
            2 => known.chars().next() == name.chars().next(),
            _ => is_short_for(name, known) && !self.variables.contains_key(known),
        };
        known.iter().filter(|known| is_meant(known)).min_by_key(|known| distance(known))
    }
}

/// The variables that the text of a `.env` sets, without an environment.
#[must_use]
pub fn read_dotenv(text: &str) -> BTreeMap<String, String> {
    Dotenv::read(text, &BTreeMap::new()).variables
}

/// Whether the name leaves out the end of the last word, as `SMTP_USER` and `SMTP_PASS` do.
fn is_short_for(name: &str, known: &str) -> bool {
    const SHORTEST_WORD: usize = 4;
    let last_word = name.rsplit_once('_').map_or("", |(_, word)| word);
    let rest = known.strip_prefix(name);
    last_word.len() >= SHORTEST_WORD && rest.is_some_and(|rest| !rest.contains('_'))
}

fn unreadable(line: usize, path: &Path) -> String {
    let path = path.display();
    format!(
        "line {line} of {path} cannot be read and sets nothing; expected NAME=value, or NAME=\"value\" with the quotes closed"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_wins_over_the_file_and_a_missing_file_is_allowed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".env");
        let from_process = env::var("PATH").unwrap();
        let environment = Environment::load(&path).unwrap();
        assert_eq!(environment.get("PATH"), Some(from_process.clone()));
        let dir = dir.path().display();
        assert_eq!(environment.origin(), format!("the environment only (there is no .env in {dir})"));
        fs::write(&path, "PATH=elsewhere\nFANMAIL_TEST=here\n").unwrap();
        let environment = Environment::load(&path).unwrap();
        assert_eq!(environment.get("PATH"), Some(from_process));
        assert_eq!(environment.get("FANMAIL_TEST").as_deref(), Some("here"));
        assert_eq!(environment.get("FANMAIL_NOT_SET"), None);
        let set_in = ["PATH", "FANMAIL_TEST", "FANMAIL_NOT_SET"].map(|name| environment.set_in(name));
        assert_eq!(set_in, [Some(SetIn::Process), Some(SetIn::Dotenv(2)), None]);
        assert_eq!(environment.origin(), format!("the environment and {dir}/.env"));
    }

    #[test]
    fn a_line_that_cannot_be_read_is_told_without_its_content() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".env");
        fs::write(&path, "SMTP_PASSWORD \"MARKER\nFANMAIL_TEST=here\n").unwrap();
        let environment = Environment::load(&path).unwrap();
        assert_eq!(environment.get("FANMAIL_TEST").as_deref(), Some("here"));
        let [told] = environment.unreadable_lines() else { panic!("{:?}", environment.unreadable_lines()) };
        assert!(told.starts_with("line 1 of ") && told.contains(".env cannot be read"), "{told}");
        assert!(!told.contains("MARKER"), "{told}");
    }

    #[test]
    fn a_file_that_cannot_be_read_is_an_error_without_its_content() {
        let dir = tempfile::tempdir().unwrap();
        let error = Environment::load(dir.path()).err().unwrap();
        assert!(error.to_string().contains("correct its permissions"), "{error}");
        let path = dir.path().join(".env");
        fs::write(&path, b"SMTP_PASSWORD=MARKER\xe9\n").unwrap();
        let error = Environment::load(&path).err().unwrap();
        assert!(error.to_string().contains("encoding (UTF-8)"), "{error}");
        assert!(!format!("{error:?}").contains("MARKER"));
    }

    #[test]
    fn a_misspelt_name_gets_a_hint_and_an_unrelated_one_does_not() {
        let hints = |set: &[&str]| {
            let variables = set.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect();
            let known = [
                "SMTP_CONNECTIONS",
                "LAVINMQ_HOST",
                "SMTP_HOST",
                "SMTP_PORT",
                "SMTP_USERNAME",
                "SMTP_PASSWORD",
                "SMTP_PASSWORD_FILE",
            ];
            let (lines, unreadable_lines, origin) = Default::default();
            Environment { variables, lines, unreadable_lines, origin }.misspelt(&known.map(str::to_owned))
        };
        for (name, meant) in [
            ("SMTP_CONECTIONS", "SMTP_CONNECTIONS"),
            ("SMPT_HOST", "SMTP_HOST"),
            ("MTP_HOST", "SMTP_HOST"),
            ("smtp_host", "SMTP_HOST"),
            ("Smtp-Hots", "SMTP_HOST"),
            ("SMTP_USER", "SMTP_USERNAME"),
            ("SMTP_PASS", "SMTP_PASSWORD"),
        ] {
            let hint = format!("{name} is set, but fanmail has no such variable; did you mean {meant}?");
            assert_eq!(hints(&[name, "SMTP_HOST"]), [hint]);
        }
        for name in ["LAVINMQ_SERVICE_HOST", "HTTP_PORT", "HTTP_HOST", "SMTP", "LAVINMQ", "SMTP_P", "PATH"] {
            assert!(hints(&[name]).is_empty(), "{name}");
        }
        assert!(hints(&["SMTP_USER", "SMTP_USERNAME"]).is_empty(), "of another program");
    }
}
