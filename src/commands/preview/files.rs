//! The files of `preview`. Only their owner may read them: they are about people.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::Builder;

/// Writes the HTML to this file, or to a temporary one.
pub(super) fn write_html(output: Option<&Path>, html: &str) -> anyhow::Result<PathBuf> {
    let Some(path) = output else {
        return write_temporary(html)
            .context("cannot write a temporary file; name another one with --output");
    };
    write(path, html)?;
    Ok(path.to_owned())
}

/// Writes a file, in place of one that may be there.
pub(super) fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// A file with a random name: every user may write to the directory.
fn write_temporary(html: &str) -> io::Result<PathBuf> {
    let mut file = Builder::new().prefix("fanmail-preview-").suffix(".html").tempfile()?;
    file.write_all(html.as_bytes())?;
    let (_, path) = file.keep()?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn an_existing_output_file_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let output = dir.path().join("mail.html");
        fs::write(&output, "something longer that was there").unwrap();
        assert_eq!(write_html(Some(&output), "<p>ü").unwrap(), output);
        assert_eq!(fs::read_to_string(&output).unwrap(), "<p>ü");
        let new = write_html(Some(&dir.path().join("new.html")), "").unwrap();
        assert_eq!(mode(&new), 0o600);
        let nowhere = dir.path().join("nowhere/mail.html");
        let error = write_html(Some(&nowhere), "").unwrap_err().to_string();
        assert_eq!(error, format!("cannot write {}", nowhere.display()));
    }

    #[test]
    fn without_an_output_file_each_preview_gets_a_new_file() {
        let (one, other) = (write_html(None, "1").unwrap(), write_html(None, "2").unwrap());
        assert_ne!(one, other);
        assert_eq!((mode(&one), mode(&other)), (0o600, 0o600));
        assert_eq!(fs::read_to_string(&one).unwrap(), "1");
        for path in [one, other] {
            fs::remove_file(path).unwrap();
        }
    }
}
