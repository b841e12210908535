//! Rotating `LOG_FILE`: when, and putting an empty file in its place. The names of the rotated files are left to `archive`,
//! writing lines to `file`.
//!
//! Several processes may write to one file, since all of them read one `.env`. One of them renames it; the others notice at
//! their next line that it is due, and that another file has its name. The same holds when logrotate was there first.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::config::log::rotation::{LogRotation, RotateWhen};
use crate::observe::logging::archive::{delete_oldest, next_path};

/// Until the next attempt, after one has failed.
const PAUSE: TimeDelta = TimeDelta::minutes(1);

/// When the file is rotated next.
pub(super) struct Rotation {
    config: LogRotation,
    /// The day of the last line.
    day: NaiveDate,
    /// The last attempt has failed, and the next one is due then.
    retry_at: Option<DateTime<Utc>>,
}

/// What a rotation has done.
pub(super) struct Rotated {
    /// The file for the next lines.
    pub file: File,
    /// Whether the oldest files were deleted.
    pub deleted: io::Result<()>,
}

/// Why a rotation failed. Lines still go to the file that is open.
pub(super) struct RotationFailure {
    pub error: io::Error,
    /// The attempt before it did not fail.
    pub is_first: bool,
}

impl Rotation {
    /// For a file that was just opened.
    pub fn new(config: LogRotation, file: &File, now: DateTime<Utc>) -> Self {
        Self { config, day: day_of_last_line(file).unwrap_or(now.date_naive()), retry_at: None }
    }

    /// The configuration, for the next file.
    pub fn config(&self) -> LogRotation {
        self.config
    }

    /// Notes that a line was written.
    pub fn on_line(&mut self, now: DateTime<Utc>) {
        self.day = self.day.max(now.date_naive());
    }

    /// Puts a new file in the place of `file`, if this is due before a line of `length` bytes. `None`: it is not, or
    /// another process is about to do it.
    ///
    /// # Errors
    /// When the file cannot be renamed, or a new one cannot be created. It is tried again a minute later.
    pub fn rotate_if_due(
        &mut self,
        file: &File,
        length: usize,
        now: DateTime<Utc>,
        path: &Path,
        open: impl FnOnce() -> io::Result<File>,
    ) -> Result<Option<Rotated>, RotationFailure> {
        if self.retry_at.is_some_and(|at| now < at) || !self.is_due(file, length, now) {
            return Ok(None);
        }
        match next_file(path, file, self.day, open) {
            Ok(None) => Ok(None),
            Ok(Some(next)) => {
                // A file that another process has begun may have lines that seem to be of the day before.
                self.day = now.date_naive();
                self.retry_at = None;
                let deleted = fs::canonicalize(path).and_then(|log| delete_oldest(&log, self.config.keep));
                Ok(Some(Rotated { file: next, deleted }))
            }
            Err(error) => {
                let is_first = self.retry_at.replace(now + PAUSE).is_none();
                Err(RotationFailure { error, is_first })
            }
        }
    }

    /// A file without lines is never due, nor is a terminal or another device.
    fn is_due(&self, file: &File, length: usize, now: DateTime<Utc>) -> bool {
        if self.config.when == RotateWhen::Daily && now.date_naive() <= self.day {
            return false;
        }
        // The length that other processes have made, too.
        let Ok(found) = file.metadata() else { return false };
        let fits = |max| found.len() + length as u64 <= max;
        found.is_file() && found.len() > 0 && !matches!(self.config.when, RotateWhen::Size(max) if fits(max))
    }
}

/// `None`: the file has none, or its time is not known.
fn day_of_last_line(file: &File) -> Option<NaiveDate> {
    let found = file.metadata().ok().filter(|found| found.len() > 0)?;
    Some(DateTime::<Utc>::from(found.modified().ok()?).date_naive())
}

/// Renames `file` and opens a new one; opens it only, if `path` is another file already. `None`: another process is at it.
fn next_file(
    path: &Path,
    file: &File,
    day: NaiveDate,
    open: impl FnOnce() -> io::Result<File>,
) -> io::Result<Option<File>> {
    // A symbolic link stays, and what it names is renamed.
    let log = match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return open().map(Some),
        found => found?,
    };
    // The lock belongs to the file and not to its name: one process renames it, and the next one sees that.
    // Another error: the file system has no locks.
    if flock(file, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK) {
        return Ok(None);
    }
    let next = if is_named(file, &log)? { replace(&log, &next_path(&log, day)?, open) } else { open() };
    if next.is_err()
        && let Err(error) = flock(file, FlockOperation::Unlock)
    {
        return Err(error.into());
    }
    next.map(Some)
}

/// Whether `path` is this file.
fn is_named(file: &File, path: &Path) -> io::Result<bool> {
    let (open, named) = (file.metadata()?, fs::metadata(path)?);
    Ok((open.dev(), open.ino()) == (named.dev(), named.ino()))
}

/// Renames `log` to `archive` and opens a new one. If that fails, the file gets its name back.
fn replace(log: &Path, archive: &Path, open: impl FnOnce() -> io::Result<File>) -> io::Result<File> {
    fs::rename(log, archive)?;
    open().or_else(|error| {
        fs::rename(archive, log)?;
        Err(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gets_its_name_back_when_no_new_one_can_be_created() {
        let dir = tempfile::tempdir().unwrap();
        let (log, archive) = (dir.path().join("f.log"), dir.path().join("f.log.2026-11-25"));
        fs::write(&log, "kept").unwrap();
        let error = replace(&log, &archive, || Err(io::Error::other("full"))).unwrap_err();
        assert_eq!(error.to_string(), "full");
        assert_eq!((fs::read_to_string(&log).unwrap().as_str(), archive.exists()), ("kept", false));
        replace(&log, &archive, || File::create_new(&log)).unwrap();
        assert_eq!(
            (fs::read_to_string(&archive).unwrap().as_str(), fs::metadata(&log).unwrap().len()),
            ("kept", 0)
        );
    }

    #[test]
    fn while_another_process_rotates_the_file_it_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("f.log");
        fs::write(&log, "line\n").unwrap();
        let (mine, others) = (File::open(&log).unwrap(), File::open(&log).unwrap());
        flock(&others, FlockOperation::LockExclusive).unwrap();
        let day = NaiveDate::default();
        assert!(next_file(&log, &mine, day, || File::open(&log)).unwrap().is_none());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
