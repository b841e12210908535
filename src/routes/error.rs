//! What is wrong with a file of routes, all at once.

use std::fmt;
use std::path::PathBuf;

use crate::exit_code::{HasExitCode, MISCONFIGURED};

/// What is wrong with a file of routes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutesError {
    path: PathBuf,
    problems: Vec<RouteProblem>,
}

/// One thing that is wrong, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RouteProblem {
    /// Counted from 1; `None` of the whole file.
    pub line: Option<usize>,
    /// A sentence.
    pub sentence: String,
}

impl RoutesError {
    /// `problems` is not empty.
    pub(super) fn new(path: PathBuf, mut problems: Vec<RouteProblem>) -> Self {
        problems.sort_by_key(|problem| problem.line);
        Self { path, problems }
    }
}

/// One line for each problem.
impl fmt::Display for RoutesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ROUTES_FILE: ")?;
        if self.problems.len() > 1 {
            write!(f, "{} problems", self.problems.len())?;
        }
        for problem in &self.problems {
            if self.problems.len() > 1 {
                f.write_str("\n  ")?;
            }
            write!(f, "{}", self.path.display())?;
            if let Some(line) = problem.line {
                write!(f, ", line {line}")?;
            }
            write!(f, ": {}", problem.sentence)?;
        }
        Ok(())
    }
}

impl std::error::Error for RoutesError {}

impl HasExitCode for RoutesError {
    fn exit_code(&self) -> u8 {
        MISCONFIGURED
    }
}
