//! A small disk that can be filled and freed.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::process::Command;

use crate::cleanup::{self, ChildGuard};

/// Set for the copy of a test that has the disk; its value is where.
const MOUNTED: &str = "FANMAIL_TEST_SMALL_DISK";

/// Runs `test` with a folder on a disk of so many MiB. Where none can be mounted, the test says that it was left out. It
/// runs in a copy of this process, in which alone the disk is mounted (a mount namespace): however
/// that ends, nothing stays behind. `name` is the test's own.
pub fn with_small_disk(name: &str, mebibytes: usize, test: impl FnOnce(&SmallDisk<'_>)) {
    if let Some(folder) = std::env::var_os(MOUNTED) {
        return test(&SmallDisk { folder: Path::new(&folder) });
    }
    let folder = tempfile::Builder::new().prefix("fanmail-disk-").tempdir().unwrap();
    cleanup::remove_at_exit(folder.path());
    let script =
        format!("mount -t tmpfs -o size={mebibytes}m,mode=755 fanmail-test \"${MOUNTED}\" && exec \"$@\"");
    let with_disk = || {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c", &script, "sh"]);
        command.env(MOUNTED, folder.path());
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
    assert!(status.success(), "the copy of {name} with a small disk failed ({status}); its words are above");
}

/// The disk.
pub struct SmallDisk<'a> {
    /// Where it is mounted.
    pub folder: &'a Path,
}

impl SmallDisk<'_> {
    /// Leaves no byte free.
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

    /// Takes back what filled it.
    pub fn free(&self) {
        fs::remove_file(self.folder.join("filler")).unwrap();
    }
}
