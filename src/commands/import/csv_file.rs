//! A file that is read twice: once to check it, once to import it. What cannot be read twice is copied to a temporary file,
//! which has no name and ends with the process.

use std::fs::File;
use std::io::{self, Read, Seek as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::commands::import::plain_text::PlainText;
use crate::text::clean::one_line;

/// An open file.
pub struct CsvFile {
    /// Its name, for people.
    pub name: String,
    /// Its length in bytes.
    pub size: u64,
    file: File,
}

impl CsvFile {
    /// Opens a file; `-` is standard input, which is read to its end.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        if path == Path::new("-") {
            return Self::copy("standard input".to_owned(), io::stdin().lock());
        }
        let name = one_line(&path.display().to_string());
        let file = File::open(path).with_context(|| format!("cannot read {name}{}", cure(path)))?;
        let metadata = file.metadata().with_context(|| format!("cannot read {name}"))?;
        if metadata.is_dir() {
            bail!("{name} is a directory; name a CSV file in it");
        }
        if !metadata.is_file() {
            return Self::copy(name, file);
        }
        Ok(Self { name, size: metadata.len(), file })
    }

    fn copy(name: String, mut source: impl Read) -> anyhow::Result<Self> {
        let mut file = tempfile::tempfile().context("cannot create a temporary file; set TMPDIR")?;
        let size = io::copy(&mut source, &mut file).with_context(|| format!("cannot copy {name}"))?;
        Ok(Self { name, size, file })
    }

    /// Its text from the beginning.
    ///
    /// # Errors
    /// When it cannot be read, or is not text.
    pub fn text(&self) -> anyhow::Result<PlainText<File>> {
        let mut file = self.file.try_clone()?;
        file.rewind()?;
        PlainText::open(file).with_context(|| format!("cannot read {}", self.name))
    }
}

/// Where a relative path starts, if that may be the mistake.
fn cure(path: &Path) -> String {
    let here: Option<PathBuf> = std::env::current_dir().ok();
    match here {
        Some(here) if path.is_relative() && !path.exists() => {
            format!(" in {}", one_line(&here.display().to_string()))
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_explained() {
        let dir = tempfile::tempdir().unwrap();
        let error = CsvFile::open(dir.path()).err().unwrap().to_string();
        assert!(error.ends_with("is a directory; name a CSV file in it"), "{error}");
        let error = format!("{:#}", CsvFile::open(Path::new("no/such.csv")).err().unwrap());
        assert!(
            error.starts_with("cannot read no/such.csv in /") && error.contains("No such file"),
            "{error}"
        );
        let file = CsvFile::open(Path::new("/dev/null")).unwrap();
        assert_eq!(file.size, 0, "not a regular file, so a copy");
    }

    #[test]
    fn a_copy_is_read_twice() {
        let file = CsvFile::copy("x".to_owned(), &b"id\n1\n"[..]).unwrap();
        for _ in 0..2 {
            let mut text = String::new();
            file.text().unwrap().read_to_string(&mut text).unwrap();
            assert!(text.starts_with("id\n1\n"), "{text}");
        }
    }
}
