//! Rotation and reopening with real files: no line is lost when something fails.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use chrono::TimeDelta;
use tempfile::TempDir;

use crate::config::log::rotation::RotateWhen;

use super::*;

const NOON: i64 = 1_772_366_400;

/// `days` after 1 March 2026, 12:00.
fn noon(days: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(NOON, 0).unwrap() + TimeDelta::days(days)
}

/// A directory, and the path of a log in it.
fn place(name: &str) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    (dir, path)
}

fn open(path: &Path, when: RotateWhen, keep: usize) -> LogFile {
    LogFile::open(path, LogFormat::Text, Some(LogRotation { when, keep }), noon(0)).unwrap()
}

fn write(log: &mut LogFile, line: &str, now: DateTime<Utc>) {
    log.write_line(format!("{line}\n").as_bytes(), now).unwrap();
}

/// Name and content of each file, by name.
fn files(dir: &TempDir) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    files.sort();
    files
}

fn are(found: &[(String, String)], expected: &[(&str, &str)]) {
    let found: Vec<(&str, &str)> = found.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    assert_eq!(found, expected);
}

#[test]
fn without_rotation_one_file_grows() {
    let (dir, path) = place("f.log");
    let mut log = LogFile::open(&path, LogFormat::Text, None, noon(0)).unwrap();
    for days in 0..3 {
        write(&mut log, "x", noon(days));
    }
    are(&files(&dir), &[("f.log", "x\nx\nx\n")]);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn by_size_a_line_that_does_not_fit_begins_a_new_file() {
    let (dir, path) = place("f.log");
    let mut log = open(&path, RotateWhen::Size(6), 2);
    for line in ["aa", "bb", "longer than a file", "cc", "dd", "ee"] {
        write(&mut log, line, noon(0));
    }
    // The oldest one, with aa and bb, is deleted.
    are(
        &files(&dir),
        &[
            ("f.log", "ee\n"),
            ("f.log.2026-03-01.1", "longer than a file\n"),
            ("f.log.2026-03-01.2", "cc\ndd\n"),
        ],
    );
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn daily_the_first_line_of_a_day_begins_a_new_file() {
    let (dir, path) = place("f.log");
    let mut log = open(&path, RotateWhen::Daily, 14);
    for (days, line) in [(0, "a"), (0, "b"), (1, "c"), (4, "d"), (4, "e")] {
        write(&mut log, line, noon(days));
    }
    let expected = [("f.log", "d\ne\n"), ("f.log.2026-03-01", "a\nb\n"), ("f.log.2026-03-02", "c\n")];
    are(&files(&dir), &expected);
    // A clock that goes back begins no file.
    write(&mut log, "f", noon(2));
    write(&mut log, "g", noon(4));
    assert_eq!(files(&dir).len(), 3);
}

#[test]
fn a_file_of_an_earlier_day_is_rotated_by_the_first_line_of_a_new_process() {
    let (dir, path) = place("f.log");
    fs::write(&path, "old\n").unwrap();
    File::options().write(true).open(&path).unwrap().set_modified(noon(0).into()).unwrap();
    write(&mut open(&path, RotateWhen::Daily, 14), "new", noon(1));
    are(&files(&dir), &[("f.log", "new\n"), ("f.log.2026-03-01", "old\n")]);
}

#[test]
fn processes_that_share_a_file_rotate_it_once() {
    let (dir, path) = place("f.log");
    let mut logs = [(); 3].map(|()| open(&path, RotateWhen::Daily, 14));
    for (days, round) in [(0, "a"), (1, "b"), (2, "c")] {
        for (log, number) in logs.iter_mut().zip(1..) {
            write(log, &format!("{round}{number}"), noon(days));
        }
    }
    let expected = [
        ("f.log", "c1\nc2\nc3\n"),
        ("f.log.2026-03-01", "a1\na2\na3\n"),
        ("f.log.2026-03-02", "b1\nb2\nb3\n"),
    ];
    are(&files(&dir), &expected);

    let (dir, path) = place("f.log");
    let mut logs = [(); 3].map(|()| open(&path, RotateWhen::Size(6), 100));
    for _ in 0..4 {
        for log in &mut logs {
            write(log, "xx", noon(0));
        }
    }
    let texts: Vec<String> = files(&dir).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["xx\nxx\n"; 6]);
}

#[test]
fn a_file_that_logrotate_has_moved_stays_as_it_is() {
    for reopened in [false, true] {
        let (dir, path) = place("f.log");
        let mut log = open(&path, RotateWhen::Size(6), 14);
        write(&mut log, "aa", noon(0));
        fs::rename(&path, dir.path().join("f.log.1")).unwrap();
        if reopened {
            log.reopen(noon(0)).unwrap();
        }
        for line in ["bb", "cc", "dd"] {
            write(&mut log, line, noon(0));
        }
        let expected: &[(&str, &str)] = if reopened {
            &[("f.log", "dd\n"), ("f.log.1", "aa\n"), ("f.log.2026-03-01", "bb\ncc\n")]
        } else {
            &[("f.log", "cc\ndd\n"), ("f.log.1", "aa\nbb\n")]
        };
        are(&files(&dir), expected);
    }
}

#[test]
fn a_link_stays_and_what_it_names_is_rotated() {
    let (dir, path) = place("link.log");
    fs::create_dir(dir.path().join("real")).unwrap();
    symlink("real/f.log", &path).unwrap();
    let mut log = open(&path, RotateWhen::Size(3), 14);
    for line in ["aa", "bb"] {
        write(&mut log, line, noon(0));
    }
    let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
    assert_eq!((read("real/f.log").as_str(), read("real/f.log.2026-03-01").as_str()), ("bb\n", "aa\n"));
    assert_eq!(fs::read_link(&path).unwrap(), Path::new("real/f.log"));
}

#[test]
fn a_rotation_that_fails_is_told_once_and_loses_no_line() {
    // Its rotated file would have too long a name, for every user.
    let name = "x".repeat(250);
    let (dir, path) = place(&name);
    let mut log = open(&path, RotateWhen::Size(6), 14);
    for line in ["aa", "bb", "cc", "dd"] {
        write(&mut log, line, noon(0));
    }
    write(&mut log, "ee", noon(0) + TimeDelta::minutes(2));
    let [(_, text)] = &files(&dir)[..] else { panic!("more than one file") };
    let lines: Vec<&str> = text.lines().collect();
    let told = lines[2];
    assert_eq!([&lines[..2], &lines[3..]].concat(), ["aa", "bb", "cc", "dd", "ee"]);
    assert!(told.starts_with("2026-03-01T12:00:00.000Z ERROR LOG_FILE "), "{told}");
    assert!(
        told.contains(" cannot be rotated (File name too long (os error 36)); lines still go to"),
        "{told}"
    );
    // Once there is a way, the file is rotated.
    let short = dir.path().join("f.log");
    fs::rename(&path, &short).unwrap();
    log.path = short;
    write(&mut log, "ff", noon(0) + TimeDelta::minutes(4));
    are(&files(&dir)[..1], &[("f.log", "ff\n")]);
}

#[test]
fn a_file_that_cannot_be_opened_again_is_told_in_the_format_of_the_log() {
    let (dir, path) = place("f.log");
    let mut log = LogFile::open(&path, LogFormat::Json, None, noon(0)).unwrap();
    log.path = dir.path().join("missing/f.log");
    log.reopen(noon(0)).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let line: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&line["level"], text.lines().count()), (&"ERROR".into(), 1));
    assert!(text.contains("/missing/f.log cannot be opened again (No such file or directory"), "{text}");
}

#[test]
fn lines_that_were_lost_are_counted() {
    let (_dir, path) = place("f.log");
    let mut log = LogFile::open(&path, LogFormat::Text, None, noon(0)).unwrap();
    // It is open for reading only.
    let good = std::mem::replace(&mut log.file, File::open(&path).unwrap());
    for _ in 0..2 {
        log.write(b"lost\n").unwrap_err();
    }
    log.file = good;
    write(&mut log, "kept", noon(0));
    write(&mut log, "kept", noon(0));
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "2026-03-01T12:00:00.000Z ERROR 2 lines could not be written to LOG_FILE before this one\nkept\nkept\n"
    );
}

#[test]
fn a_device_is_never_renamed() {
    let mut log = open(Path::new("/dev/full"), RotateWhen::Daily, 14);
    for days in 0..9 {
        log.write_line(b"x\n", noon(days)).unwrap_err();
    }
    assert!(fs::canonicalize("/dev/full").is_ok() && !Path::new("/dev/full.2026-03-01").exists());
}
