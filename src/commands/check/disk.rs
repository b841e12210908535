//! How much room there is where fanmail writes.

use std::path::{Path, PathBuf};

use rustix::fs::{StatVfs, statvfs};

use crate::commands::check::finding::Finding;
use crate::config::Config;
use crate::config::database::Backend;
use crate::config::email::Route;

/// With less than this, something will fail soon.
const LITTLE: u64 = 1_000_000_000;

/// With less than this, a SQLite database or a log may fail at any moment.
const NONE: u64 = 50_000_000;

/// Looks at the volumes of the SQLite file, `LOG_FILE` and `EMAIL_OUTBOX_DIR`.
pub fn check(config: &Config) -> Finding {
    let mut places: Vec<(&str, PathBuf)> = Vec::new();
    #[cfg_attr(
        not(any(feature = "mysql", feature = "postgres")),
        expect(irrefutable_let_patterns, reason = "the only one")
    )]
    if let Backend::Sqlite(path) = &config.database.backend {
        places.push(("the database", path.clone()));
    }
    places.extend(config.log.file.iter().map(|path| ("LOG_FILE", path.clone())));
    if let Route::Dummy { outbox: Some(dir) } = &config.email.route {
        places.push(("EMAIL_OUTBOX_DIR", dir.clone()));
    }
    if places.is_empty() {
        return Finding::skipped("nothing is written to this machine but the log on standard error");
    }
    look(&places)
}

fn look(places: &[(&str, PathBuf)]) -> Finding {
    let (mut volumes, mut unknown): (Vec<Volume>, Vec<String>) = (Vec::new(), Vec::new());
    for (what, path) in places {
        match statvfs(existing(path)) {
            Ok(found) => match volumes.iter_mut().find(|volume| volume.id == found.f_fsid) {
                Some(volume) => volume.used_by.push((*what).to_owned()),
                None => volumes.push(Volume::new(what, &found)),
            },
            Err(error) => {
                unknown.push(format!("the volume of {what} ({}) cannot be asked: {error}", path.display()));
            }
        }
    }
    let full: Vec<String> = volumes.iter().filter(|volume| volume.is_full()).map(Volume::problem).collect();
    let little =
        volumes.iter().filter(|volume| !volume.is_full() && volume.free < LITTLE).map(Volume::problem);
    let texts: Vec<String> = volumes.iter().map(Volume::describe).collect();
    let finding =
        if full.is_empty() { Finding::works(texts.join("; ")) } else { Finding::fails(full.join("\n")) };
    finding.with_warnings(little).with_notes(unknown)
}

/// A file system.
struct Volume {
    id: u64,
    used_by: Vec<String>,
    /// Bytes that fanmail may write.
    free: u64,
    /// Whether it can have another file. Some file systems count none, and have 0 of 0.
    has_inodes: bool,
}

impl Volume {
    fn new(what: &str, found: &StatVfs) -> Self {
        Self {
            id: found.f_fsid,
            used_by: vec![what.to_owned()],
            free: found.f_bavail.saturating_mul(found.f_frsize),
            has_inodes: found.f_files == 0 || found.f_favail > 0,
        }
    }

    fn is_full(&self) -> bool {
        self.free < NONE || !self.has_inodes
    }

    fn describe(&self) -> String {
        format!("{} free for {}", size(self.free), self.used_by.join(" and "))
    }

    fn problem(&self) -> String {
        let what = if self.has_inodes {
            format!("only {}", self.describe())
        } else {
            format!("no room for another file (inodes) of {}", self.used_by.join(" and "))
        };
        format!(
            "the volume has {what}; make room: delete what nobody needs, then fanmail purge, which needs some room itself; \
             LOG_ROTATE and LOG_KEEP keep the log small"
        )
    }
}

/// The path, or the nearest folder above it that exists.
fn existing(path: &Path) -> PathBuf {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    whole.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/")).to_owned()
}

/// As disks are sold: 1 GB has 1,000,000,000 bytes.
fn size(bytes: u64) -> String {
    const MB: u64 = 1_000_000;
    match bytes {
        ..1_000_000_000 => format!("{} MB", bytes / MB),
        _ => format!("{}.{} GB", bytes / 1_000 / MB, bytes / 100 / MB % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(free: u64, has_inodes: bool) -> Volume {
        Volume { id: 1, used_by: vec!["LOG_FILE".to_owned()], free, has_inodes }
    }

    #[test]
    fn a_volume_that_is_nearly_full_is_told() {
        assert_eq!(volume(12_340_000_000, true).describe(), "12.3 GB free for LOG_FILE");
        assert!(!volume(900_000_000, true).is_full() && volume(49_999_999, true).is_full());
        let problem = volume(900_000_000, true).problem();
        assert!(problem.starts_with("the volume has only 900 MB free for LOG_FILE; make room"), "{problem}");
        let problem = volume(12_340_000_000, false).problem();
        assert!(
            problem.starts_with("the volume has no room for another file (inodes) of LOG_FILE; "),
            "{problem}"
        );
    }

    #[test]
    fn places_on_one_volume_are_one_text_also_where_nothing_is_written_yet() {
        let dir = tempfile::tempdir().unwrap();
        let places =
            [("the database", dir.path().join("a.db")), ("LOG_FILE", dir.path().join("log/fanmail.log"))];
        let json = look(&places).to_json("disk");
        let found = json["found"].as_str().unwrap();
        assert!(found.ends_with(" free for the database and LOG_FILE"), "{json}");
    }
}
