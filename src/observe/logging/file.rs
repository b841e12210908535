//! The file that log lines go to, and opening it again. Which lines there are is left to `logging`, putting a new file in
//! the place of a large or old one to `rotation`.
//!
//! Nothing here stops fanmail: a line that cannot be written is lost, the next one is tried again, and the file says how
//! many were lost.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Utc};
use log::{Level, Record};

use crate::config::log::LogFormat;
use crate::config::log::rotation::LogRotation;
use crate::observe::logging::line::{write_json, write_text};
use crate::observe::logging::rotation::{Rotated, Rotation, RotationFailure};
use crate::text::count::count;

/// Whether the file is to be opened again before the next line.
static REOPEN: AtomicBool = AtomicBool::new(false);

/// Has the file opened again before the next line.
pub(super) fn request_reopen() {
    REOPEN.store(true, Ordering::Release);
}

/// `LOG_FILE`. Every line is one write at the end of the file, so that logrotate may cut it with `copytruncate` while
/// fanmail runs.
pub(super) struct LogFile {
    path: PathBuf,
    file: File,
    format: LogFormat,
    rotation: Option<Rotation>,
    /// Lines that could not be written, and about which no line was written yet.
    lost: u64,
}

impl LogFile {
    /// Opens it for appending. A new one can be read by its owner only: texts of relays are about people.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(
        path: &Path,
        format: LogFormat,
        rotation: Option<LogRotation>,
        now: DateTime<Utc>,
    ) -> io::Result<Self> {
        let file = append_to(path)?;
        let rotation = rotation.map(|config| Rotation::new(config, &file, now));
        Ok(Self { path: path.to_owned(), file, format, rotation, lost: 0 })
    }

    /// Opens the file again. If that fails, lines still go to the one that was open, and the first of them says why.
    fn reopen(&mut self, now: DateTime<Utc>) -> io::Result<()> {
        match append_to(&self.path) {
            Ok(file) => {
                self.rotation = self.rotation.take().map(|old| Rotation::new(old.config(), &file, now));
                self.file = file;
                Ok(())
            }
            Err(error) => {
                let path = self.path.display();
                self.tell(
                    now,
                    &format!(
                        "LOG_FILE {path} cannot be opened again ({error}); lines still go to the file that was open; \
                         correct the permissions and send SIGHUP"
                    ),
                )
            }
        }
    }

    /// Goes on in a new file if it is time for one. If that fails, lines still go to the one that is open.
    fn rotate(&mut self, length: usize, now: DateTime<Utc>) -> io::Result<()> {
        // The file that another process has begun may be full as well.
        for _ in 0..2 {
            self.rotate_once(length, now)?;
        }
        Ok(())
    }

    fn rotate_once(&mut self, length: usize, now: DateTime<Utc>) -> io::Result<()> {
        let Some(rotation) = &mut self.rotation else { return Ok(()) };
        let path = self.path.display();
        match rotation.rotate_if_due(&self.file, length, now, &self.path, || append_to(&self.path)) {
            Ok(Some(Rotated { file, deleted })) => {
                self.file = file;
                let Err(error) = deleted else { return Ok(()) };
                let text = format!(
                    "older files of LOG_FILE {path} than LOG_KEEP allows cannot be deleted ({error}); delete them, or \
                     correct the permissions of their directory"
                );
                self.tell(now, &text)
            }
            Err(RotationFailure { error, is_first: true }) => {
                let text = format!(
                    "LOG_FILE {path} cannot be rotated ({error}); lines still go to the file that was open, and fanmail \
                     tries again every minute; correct the permissions of the directory, or set LOG_ROTATE=off"
                );
                self.tell(now, &text)
            }
            Ok(None) | Err(_) => Ok(()),
        }
    }

    /// Writes a line about the file itself.
    fn tell(&mut self, now: DateTime<Utc>, text: &str) -> io::Result<()> {
        let mut line = Vec::new();
        let mut record = Record::builder();
        let record = record.level(Level::Error).target("fanmail");
        match self.format {
            LogFormat::Json => write_json(&mut line, now, &record.args(format_args!("{text}")).build())?,
            LogFormat::Text => {
                write_text(&mut line, now, "ERROR", &record.args(format_args!("{text}")).build(), false)?;
            }
        }
        self.file.write_all(&line)
    }

    fn write_line(&mut self, line: &[u8], now: DateTime<Utc>) -> io::Result<()> {
        self.rotate(line.len(), now)?;
        if self.lost > 0 {
            let lost = count(self.lost, "line");
            self.tell(now, &format!("{lost} could not be written to LOG_FILE before this one"))?;
            self.lost = 0;
        }
        self.file.write_all(line)?;
        self.rotation.iter_mut().for_each(|rotation| rotation.on_line(now));
        Ok(())
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

impl Write for LogFile {
    /// Writes a whole line, or counts it as lost.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let now = Utc::now();
        let reopened = if REOPEN.swap(false, Ordering::AcqRel) { self.reopen(now) } else { Ok(()) };
        reopened
            .and_then(|()| self.write_line(line, now))
            .inspect_err(|_| self.lost = self.lost.saturating_add(1))
            .map(|()| line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
