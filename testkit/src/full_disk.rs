//! A small disk that a test can fill.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::process::Command;

use crate::cleanup::{self, ChildGuard};

/// Set in the copy of the test process that has the disk mounted. The value is the folder.
const FOLDER_VARIABLE: &str = "FANMAIL_TEST_SMALL_DISK";

/// Runs `test` with a folder on a disk of `mebibytes` MiB. `name` is the name of the calling test: the function runs
/// that test again in a copy of this process, and mounts the disk for the copy alone (a mount namespace), so that
/// nothing stays behind. Where no disk can be mounted, it prints that the test was skipped.
pub fn with_small_disk(name: &str, mebibytes: usize, test: impl FnOnce(&SmallDisk<'_>)) {
    if let Some(folder) = std::env::var_os(FOLDER_VARIABLE) {
        return test(&SmallDisk { folder: Path::new(&folder) });
    }
    let folder = tempfile::Builder::new().prefix("fanmail-disk-").tempdir().unwrap();
    cleanup::remove_at_exit(folder.path());
    let script = format!(
        "mount -t tmpfs -o size={mebibytes}m,mode=755 fanmail-test \"${FOLDER_VARIABLE}\" && exec \"$@\""
    );
    let with_disk = || {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c", &script, "sh"]);
        command.env(FOLDER_VARIABLE, folder.path());
        command
    };
    let allowed = with_disk().arg("true").output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        eprintln!("{name}: left out, because only root can mount a small disk, and not in every container");
        return;
    }
    let mut copy = ChildGuard::spawn(with_disk().arg(std::env::current_exe().unwrap()).args([
        "--exact",
        name,
        "--nocapture",
    ]));
    let status = copy.child.wait().unwrap();
    assert!(status.success(), "the copy of {name} with a small disk failed ({status}); its output is above");
}

/// A disk of its own.
pub struct SmallDisk<'a> {
    /// The folder where it is mounted.
    pub folder: &'a Path,
}

impl SmallDisk<'_> {
    /// Fills the disk to its last byte.
    pub fn fill(&self) {
        let mut filler = File::create(self.folder.join("filler")).unwrap();
        let block = vec![b'x'; 64 * 1024];
        let mut size = block.len();
        while size > 0 {
            match filler.write(&block[..size]) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => size /= 2,
                Err(error) => panic!("the disk cannot be filled: {error}"),
            }
        }
    }

    /// Removes what [`fill`](Self::fill) wrote.
    pub fn free(&self) {
        fs::remove_file(self.folder.join("filler")).unwrap();
    }
}
