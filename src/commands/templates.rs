//! `fanmail templates`: writes the built-in templates out, and finds what hurts in templates of one's own.

use std::process::ExitCode;

use clap::Subcommand;

use crate::commands::templates::export::ExportArgs;
use crate::commands::templates::lint::LintArgs;
use crate::config::Config;

pub mod export;
pub mod lint;

/// What to do with templates.
#[derive(Debug, Subcommand)]
#[expect(clippy::doc_markdown, reason = "clap prints it as help, where backticks mean nothing")]
pub enum TemplatesCommand {
    /// Write the built-in templates to a directory, to change them
    ///
    /// Refuses to overwrite files unless --force is given. Set TEMPLATES_DIR to the directory afterwards, and delete the files
    /// that you do not change: those that are missing there are built in.
    Export(ExportArgs),
    /// Find what hurts in templates: for people, for mail programs, for spam filters
    ///
    /// Renders all mails with sample data, with the templates in DIR or else in TEMPLATES_DIR, and looks at the results: images
    /// without alt, or not from https; links that mail programs do not open; HTML that Gmail cuts off; an empty text part; long
    /// subjects; text that is hard to read on its background; a missing language; no visible link that unsubscribes; files that are
    /// not used.
    ///
    /// The exit code is 1 with errors, and 0 with warnings only, unless --deny-warnings is given.
    Lint(LintArgs),
}

/// Does it.
///
/// # Errors
/// What failed, and why.
pub fn run(command: &TemplatesCommand, config: &Config) -> anyhow::Result<ExitCode> {
    match command {
        TemplatesCommand::Export(args) => export::run(args),
        TemplatesCommand::Lint(args) => lint::run(args, config),
    }
}
