//! Whether the outbox could be written. Nothing is left there.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::commands::check::finding::Finding;

/// Writes and removes a file in `EMAIL_OUTBOX_DIR`, and the folders that did not exist.
pub fn check(dir: &Path) -> Finding {
    match write_and_remove(dir) {
        Ok(()) => Finding::works(format!("{} is writable", dir.display())),
        Err(error) => Finding::fails(format!(
            "EMAIL_OUTBOX_DIR {} is not writable: {error}; correct its permissions or name another directory",
            dir.display()
        )),
    }
}

fn write_and_remove(dir: &Path) -> io::Result<()> {
    let missing = missing_folders(dir);
    let written = fs::create_dir_all(dir).and_then(|()| write_file(dir));
    for folder in missing.iter().filter(|folder| folder.is_dir()) {
        fs::remove_dir(folder)?;
    }
    written
}

/// The folder and those above it that do not exist, from the innermost one outwards.
fn missing_folders(dir: &Path) -> Vec<PathBuf> {
    let is_missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
    dir.ancestors().take_while(is_missing).map(Path::to_owned).collect()
}

/// A new name, and only a file that did not exist: others may write to the folder, too.
fn write_file(dir: &Path) -> io::Result<()> {
    let file = dir.join(format!(".fanmail-check-{}", Uuid::now_v7()));
    drop(OpenOptions::new().write(true).create_new(true).open(&file)?);
    fs::remove_file(&file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_behind() {
        let dir = tempfile::tempdir().unwrap();
        let outbox = dir.path().join("made/when needed");
        assert!(!check(&outbox).is_failure());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        fs::create_dir(dir.path().join("made")).unwrap();
        fs::write(dir.path().join("made/mail.eml"), "").unwrap();
        assert!(!check(&outbox).is_failure() && !check(&dir.path().join("made")).is_failure());
        let left: Vec<_> = fs::read_dir(dir.path().join("made")).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn a_file_is_no_folder() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let wanted = format!("EMAIL_OUTBOX_DIR {} is not writable: File exists", file.display());
        let finding = check(&file);
        assert!(finding.is_failure() && format!("{finding:?}").contains(&wanted), "{finding:?}");
        let below = check(&file.join("below"));
        assert!(below.is_failure() && file.is_file(), "{below:?}");
    }
}
