//! The rotated files beside `LOG_FILE`: their names, and deleting the oldest. When there is a new one is left to
//! `rotation`.
//!
//! `fanmail.log.2026-11-25` has lines up to that day; further ones of the day are `fanmail.log.2026-11-25.1` and so on.
//! A name never changes, and no file of another name is touched, such as the `fanmail.log.1` of logrotate.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;

/// The day and the number of a rotated file, in the order of their age.
type Stamp = (NaiveDate, u32);

/// The path for the next rotated file of `log` whose last line is of `day`. No file has this name.
///
/// # Errors
/// When the directory cannot be read.
pub(super) fn next_path(log: &Path, day: NaiveDate) -> io::Result<PathBuf> {
    let last =
        rotated(log)?.into_iter().filter(|((of, _), _)| *of == day).map(|((_, number), _)| number).max();
    let mut name = log.as_os_str().to_owned();
    name.push(format!(".{day}"));
    if let Some(last) = last {
        name.push(format!(".{}", last.saturating_add(1)));
    }
    Ok(name.into())
}

/// Deletes the oldest rotated files of `log`, so that `keep` are left.
///
/// # Errors
/// When a file cannot be deleted, after trying all.
pub(super) fn delete_oldest(log: &Path, keep: usize) -> io::Result<()> {
    let mut files = rotated(log)?;
    files.retain(|(_, path)| fs::symlink_metadata(path).is_ok_and(|found| found.is_file()));
    files.sort();
    let too_many = files.len().saturating_sub(keep);
    let mut deleted = Ok(());
    for (_, path) in files.iter().take(too_many) {
        match fs::remove_file(path) {
            // Another process has deleted it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            result => deleted = deleted.and(result),
        }
    }
    deleted
}

/// All that have the name of a rotated file of `log`.
fn rotated(log: &Path) -> io::Result<Vec<(Stamp, PathBuf)>> {
    let Some(name) = log.file_name() else { return Ok(Vec::new()) };
    let dir = log.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        files.extend(stamp(name, &entry.file_name()).map(|stamp| (stamp, entry.path())));
    }
    Ok(files)
}

/// What the name of a rotated file says, or `None` for any other name.
fn stamp(log: &OsStr, name: &OsStr) -> Option<Stamp> {
    let rest = name.as_encoded_bytes().strip_prefix(log.as_encoded_bytes())?;
    let rest = str::from_utf8(rest).ok()?.strip_prefix('.')?;
    let (day, number) = match rest.split_once('.') {
        Some((day, number)) => (day, number.parse().ok().filter(|&number: &u32| number > 0)?),
        None => (rest, 0),
    };
    let day = NaiveDate::parse_from_str(day, "%Y-%m-%d").ok()?;
    let again = if number > 0 { format!("{day}.{number}") } else { day.to_string() };
    // As `next_path` writes it: neither `2026-1-5` nor `2026-11-25.01`.
    (again == rest).then_some((day, number))
}

#[cfg(test)]
mod tests {
    use testkit::folder::names_in;

    use super::*;

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 11, day).unwrap()
    }

    #[test]
    fn each_file_of_a_day_has_the_next_number() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("f.log");
        let mut made = Vec::new();
        for of in [24, 25, 25, 25, 24] {
            let path = next_path(&log, day(of)).unwrap();
            fs::write(&path, "").unwrap();
            made.push(path.file_name().unwrap().to_str().unwrap().to_owned());
        }
        let expected = [
            "f.log.2026-11-24",
            "f.log.2026-11-25",
            "f.log.2026-11-25.1",
            "f.log.2026-11-25.2",
            "f.log.2026-11-24.1",
        ];
        assert_eq!(made, expected);
        // The first ones are gone, and their names are not used again.
        fs::remove_file(dir.path().join("f.log.2026-11-25")).unwrap();
        assert_eq!(next_path(&log, day(25)).unwrap(), dir.path().join("f.log.2026-11-25.3"));
    }

    #[test]
    fn only_the_oldest_rotated_files_are_deleted() {
        let dir = tempfile::tempdir().unwrap();
        let others = [
            "f.log",
            "f.log.1",
            "f.log-20261101",
            "f.log.2026-11-01.gz",
            "f.log.2026-11-1",
            "f.log.2026-11-01.0",
            "f.log.2026-11-01.01",
            "f.log.2026-13-01",
            "f.log2026-11-01",
            "other.log.2026-11-01",
            "xf.log.2026-11-01",
        ];
        let rotated = ["f.log.2026-11-02", "f.log.2026-11-02.2", "f.log.2026-11-02.10", "f.log.2026-11-03"];
        for name in others.iter().chain(&rotated) {
            fs::write(dir.path().join(name), "").unwrap();
        }
        fs::create_dir(dir.path().join("f.log.2026-11-01")).unwrap();
        delete_oldest(&dir.path().join("f.log"), 2).unwrap();
        let mut expected: Vec<&str> =
            others.iter().chain(&rotated[2..]).copied().chain(["f.log.2026-11-01"]).collect();
        expected.sort_unstable();
        assert_eq!(names_in(dir.path()), expected);
    }
}
