//! Problems of a configuration: the texts that fanmail prints before it exits with 2.

use std::fmt;

use crate::exit_code::{HasExitCode, MISCONFIGURED};

/// One problem: the variable, its value unless it is secret, and what is expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    variable: String,
    sentence: String,
}

impl Problem {
    /// `sentence` continues after the name of the variable: `is "x"; expected …`.
    pub(super) fn new(variable: &str, sentence: String) -> Self {
        Self { variable: variable.to_owned(), sentence }
    }

    /// The variable to change.
    #[must_use]
    pub fn variable(&self) -> &str {
        &self.variable
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.variable, self.sentence)
    }
}

/// All problems of a configuration; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors {
    problems: Vec<Problem>,
    /// Whole sentences, of what is not read here: templates.
    others: Vec<String>,
}

impl ConfigErrors {
    pub(super) fn new(problems: Vec<Problem>) -> Self {
        Self { problems, others: Vec::new() }
    }

    /// The same with one more, which is a whole sentence.
    #[must_use]
    pub fn with_other(mut self, sentence: String) -> Self {
        self.others.push(sentence);
        self
    }

    /// In the order of the sections.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.len() + self.others.len() {
            1 => writeln!(f, "the configuration has a problem:")?,
            count => writeln!(f, "the configuration has {count} problems:")?,
        }
        let problems = self.problems.iter().map(Problem::to_string);
        for problem in problems.chain(self.others.iter().cloned()) {
            writeln!(f, "  {problem}")?;
        }
        f.write_str(".env.example explains every variable")
    }
}

impl std::error::Error for ConfigErrors {}

impl HasExitCode for ConfigErrors {
    fn exit_code(&self) -> u8 {
        MISCONFIGURED
    }
}
