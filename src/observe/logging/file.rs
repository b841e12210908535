//! The file that log lines go to, and opening it again. Which lines there are is left to `logging`.
//!
//! Nothing here stops fanmail: a line that cannot be written is lost, and the next one is tried again.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

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
}

impl LogFile {
    /// Opens it for appending. A new one can be read by its owner only: texts of relays are about people.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: append_to(path)?, path: path.to_owned() })
    }

    /// Opens the file again. If that fails, lines still go to the one that was open, and the first of them says why.
    fn reopen(&mut self) -> io::Result<()> {
        match append_to(&self.path) {
            Ok(file) => {
                self.file = file;
                Ok(())
            }
            Err(error) => {
                let path = self.path.display();
                writeln!(
                    self.file,
                    "fanmail: LOG_FILE {path} cannot be opened again ({error}); lines still go to the file that was \
                     open; correct the permissions and send SIGHUP"
                )
            }
        }
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if REOPEN.swap(false, Ordering::AcqRel) {
            self.reopen()?;
        }
        self.file.write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
