//! What hurts, and how much.

use serde::Serialize;

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Some people cannot read or use the mail.
    Error,
    /// It hurts some people, or the mail's reputation.
    Warning,
}

impl Severity {
    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// Something that hurts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The name of the template whose result has it; empty if it is no template's.
    pub template: String,
    /// What it is, and what to do.
    pub problem: String,
}

/// Findings without repetition.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// In the order in which they were found.
    pub all: Vec<Finding>,
}

impl Findings {
    /// Adds one, unless it is there already.
    pub fn add(&mut self, severity: Severity, template: &str, problem: String) {
        let finding = Finding { severity, template: template.to_owned(), problem };
        if !self.all.contains(&finding) {
            self.all.push(finding);
        }
    }
}
