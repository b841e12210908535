//! `fanmail templates lint`: prints what hurts in the mails that templates make. What hurts, is known by `content::lint`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::app::channels;
use crate::commands::arguments::Format;
use crate::config::Config;
use crate::config::content::ContentConfig;
use crate::content::lint::finding::{Finding, Severity};
use crate::content::lint::lint;
use crate::text::clean::printable;
use crate::text::count::count;

/// Arguments of `lint`.
#[derive(Debug, Args)]
pub struct LintArgs {
    /// The templates to look at [default: those of the configuration]
    #[arg(value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Exit with code 1 for warnings as well
    #[arg(long)]
    pub deny_warnings: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Prints the findings.
///
/// # Errors
/// When standard output cannot be written.
pub fn run(args: &LintArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let mut content = config.content.clone();
    if let Some(dir) = &args.dir {
        content.templates_dir = Some(dir.clone());
    }
    let report = Report::of(findings(&content));
    match args.format {
        Format::Table => print!("{}", report.table()),
        Format::Json => println!("{}", serde_json::to_string(&report)?),
    }
    let is_bad = report.errors > 0 || args.deny_warnings && report.warnings > 0;
    Ok(if is_bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What hurts, or the one error that keeps the templates from being used.
fn findings(config: &ContentConfig) -> Vec<Finding> {
    match channels::load_templates(config, None) {
        Ok(templates) => lint(&templates),
        Err(error) => {
            vec![Finding { severity: Severity::Error, template: String::new(), problem: error.to_string() }]
        }
    }
}

/// All findings, errors first.
#[derive(Debug, Serialize)]
struct Report {
    errors: usize,
    warnings: usize,
    findings: Vec<Finding>,
}

impl Report {
    fn of(mut findings: Vec<Finding>) -> Self {
        findings.sort_by_key(|finding| finding.severity);
        let number = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
        Self { errors: number(Severity::Error), warnings: number(Severity::Warning), findings }
    }

    fn table(&self) -> String {
        let mut table = String::new();
        for Finding { severity, template, problem } in &self.findings {
            let place = if template.is_empty() { String::new() } else { format!("{template}: ") };
            // Writing into memory cannot fail.
            if writeln!(table, "{}: {}{}", severity.as_str(), place, printable(problem)).is_err() {
                break;
            }
        }
        let (errors, warnings) = (count(self.errors as u64, "error"), count(self.warnings as u64, "warning"));
        format!("{table}{errors}, {warnings}\n")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn errors_come_first_and_both_forms_say_the_same() {
        let finding = |severity, template: &str, problem: &str| Finding {
            severity,
            template: template.to_owned(),
            problem: problem.to_owned(),
        };
        let report = Report::of(vec![
            finding(Severity::Warning, "created/subject.txt", "long"),
            finding(Severity::Error, "", "broken\u{1b}"),
        ]);
        insta::assert_snapshot!(report.table(), @r"
        error: broken
        warning: created/subject.txt: long
        1 error, 1 warning
        ");
        insta::assert_snapshot!(serde_json::to_string(&report).unwrap(), @r#"{"errors":1,"warnings":1,"findings":[{"severity":"error","template":"","problem":"broken\u001b"},{"severity":"warning","template":"created/subject.txt","problem":"long"}]}"#);
    }

    #[test]
    fn a_template_that_does_not_load_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("created")).unwrap();
        fs::write(dir.path().join("created/subject.txt"), "{{ evnt }}").unwrap();
        let found = findings(&ContentConfig::with_templates(dir.path()));
        assert!(found.len() == 1 && found[0].problem.contains("\"evnt\" is not known"), "{found:?}");
    }
}
