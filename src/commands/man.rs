//! `fanmail man`: the help as man pages. `clap_mangen` makes most of it; texts with lines of their own, such as examples, are written here.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

/// Print the help as a man page, or write a page for each verb
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fanmail man | man -l -
  fanmail man --out /usr/local/share/man/man1")]
pub struct ManArgs {
    /// Write fanmail.1, and a page for each verb such as fanmail-worker.1, into this directory
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Prints or writes the pages. `command` is the whole command line of fanmail.
///
/// # Errors
/// When a page cannot be written.
pub fn run(args: &ManArgs, command: Command) -> anyhow::Result<ExitCode> {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    match &args.out {
        None => io::stdout().lock().write_all(&page(&command)?)?,
        Some(dir) => {
            fs::create_dir_all(dir)
                .with_context(|| format!("cannot create the directory {}", dir.display()))?;
            write_pages(&command, dir)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The page of this command, and those of the verbs below it.
fn write_pages(command: &Command, dir: &Path) -> anyhow::Result<()> {
    let path = dir.join(Man::new(command.clone()).get_filename());
    fs::write(&path, page(command)?).with_context(|| format!("cannot write {}", path.display()))?;
    command.get_subcommands().filter(|verb| !verb.is_hide_set()).try_for_each(|verb| write_pages(verb, dir))
}

fn page(command: &Command) -> io::Result<Vec<u8>> {
    let man = Man::new(command.clone())
        .manual("fanmail manual")
        .source(format!("fanmail {}", crate::version::VERSION));
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    if let Some(about) = command.get_long_about().or(command.get_about()) {
        section("DESCRIPTION", &about.to_string()).to_writer(&mut page)?;
    }
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    for paragraph in command.get_after_help().map(ToString::to_string).unwrap_or_default().split("\n\n") {
        let headings = [
            ("Example:\n", "EXAMPLES"),
            ("Examples:\n", "EXAMPLES"),
            ("Exit codes: ", "EXIT STATUS"),
            ("", "NOTES"),
        ];
        let titled = headings.iter().find_map(|(begin, title)| Some((title, paragraph.strip_prefix(begin)?)));
        if let Some((title, text)) = titled.filter(|(_, text)| !text.is_empty()) {
            section(title, text).to_writer(&mut page)?;
        }
    }
    Ok(page)
}

/// A section with this text: lines that are indented stay as they are, the others are filled.
fn section(title: &str, text: &str) -> Roff {
    let mut roff = Roff::default();
    roff.control("SH", [title]);
    let mut is_as_it_is = false;
    for line in text.lines() {
        if line.starts_with("  ") != is_as_it_is {
            is_as_it_is = !is_as_it_is;
            if is_as_it_is {
                roff.control("PP", []);
            }
            roff.control(if is_as_it_is { "nf" } else { "fi" }, []);
        }
        if line.trim().is_empty() {
            roff.control("PP", []);
        } else {
            roff.text([roman(line.trim_start())]);
        }
    }
    if is_as_it_is {
        roff.control("fi", []);
    }
    roff
}
