//! `fanmail templates export`: writes the built-in templates and their texts out.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;

use crate::content::catalogue::embedded;
use crate::content::texts::Texts;
use crate::text::count::count;

/// Most files that an error names.
const SHOWN_MAX: usize = 5;

/// Arguments of `export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Where to write them; created if it does not exist
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Overwrite files that exist
    #[arg(long)]
    pub force: bool,
}

/// Writes all files, prints their names, and how to use them.
///
/// # Errors
/// When a file exists already, or one cannot be written.
pub fn run(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let written = export(&args.dir, args.force)?;
    let dir = std::path::absolute(&args.dir).unwrap_or_else(|_| args.dir.clone());
    let dir = dir.display();
    let mut out = io::stdout().lock();
    for name in &written {
        writeln!(out, "{name}")?;
    }
    writeln!(
        out,
        "Wrote {} to {dir}.\n\n\
         To use them, set TEMPLATES_DIR={dir}\n\
         Delete the files that you do not change: those that are missing there are built in, also after an update.\n\
         To change words only, change the texts.toml of a language.\n\
         Check them with: fanmail templates lint {dir}\n\
         Look at them with: fanmail preview --type UPDATED --open",
        count(written.len() as u64, "file")
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Writes all of them, or none if one exists.
fn export(dir: &Path, force: bool) -> anyhow::Result<Vec<String>> {
    let templates = embedded().map(|(name, text)| (name.to_owned(), text));
    let files: Vec<(String, &str)> = templates.chain(Texts::built_in_files()).collect();
    let is_there = |name: &&str| dir.join(name).symlink_metadata().is_ok();
    let existing: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).filter(is_there).collect();
    if !force && !existing.is_empty() {
        let more = if existing.len() > SHOWN_MAX { ", …" } else { "" };
        bail!(
            "{} has {}{more} already; nothing was written. Name another directory, or overwrite with --force",
            dir.display(),
            existing[..existing.len().min(SHOWN_MAX)].join(", ")
        );
    }
    for (name, text) in &files {
        let path = dir.join(name);
        write(&path, text, force).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(files.into_iter().map(|(name, _)| name).collect())
}

fn write(path: &Path, text: &str, force: bool) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // Without `force`, what was not there a moment ago has to be new still.
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).create_new(!force);
    options.open(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::content::ContentConfig;
    use crate::content::renderer::Templates;

    #[test]
    fn what_is_written_out_makes_the_same_mails() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("new/templates");
        let written = export(&dir, false).unwrap();
        for name in ["base.html", "created/subject.txt", "en/texts.toml"] {
            assert!(written.contains(&name.to_owned()), "{written:?}");
        }
        let templates = Templates::load(&ContentConfig::with_templates(&dir)).unwrap();
        let found = templates.dir().unwrap();
        assert_eq!((found.used.len(), found.misnamed()), (written.len(), Vec::<String>::new()));
    }

    #[test]
    fn nothing_is_overwritten_without_force() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("base.txt");
        fs::write(&path, "mine").unwrap();
        let error = export(dir.path(), false).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "{} has base.txt already; nothing was written. Name another directory, or overwrite with --force",
                dir.path().display()
            )
        );
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else was written");
        export(dir.path(), true).unwrap();
        assert_ne!(fs::read_to_string(&path).unwrap(), "mine");
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = format!("{:#}", export(file.path(), false).unwrap_err());
        assert!(error.starts_with(&format!("cannot write {}/base.html: ", file.path().display())), "{error}");
    }
}
