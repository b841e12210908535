//! Both servers refuse to run as root. Tests that run as root start them as another user.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The user that runs a server.
pub struct UnprivilegedUser {
    /// User and group; `None` for the user that runs the tests.
    other: Option<(u32, u32)>,
}

impl UnprivilegedUser {
    /// The user of that name, or `nobody`. The user of the tests, when that is not root.
    pub fn for_server(name: &str) -> Self {
        let other = is_root().then(|| {
            let users = fs::read_to_string("/etc/passwd").unwrap();
            let ids = [name, "nobody"].into_iter().find_map(|name| ids_of(&users, name));
            ids.unwrap_or_else(|| {
                panic!("a database refuses to run as root, and there is no user {name} and no user nobody")
            })
        });
        Self { other }
    }

    /// Makes the user the owner of a folder or file.
    pub fn give(&self, folder: &Path) {
        if let Some((uid, gid)) = self.other {
            chown(folder, Some(uid), Some(gid)).unwrap();
        }
    }

    /// Runs the command as that user, without supplementary groups.
    pub fn run_as<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        match self.other {
            Some((uid, gid)) => command.uid(uid).gid(gid),
            None => command,
        }
    }
}

/// Whether the tests run as root.
pub fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

fn ids_of(users: &str, name: &str) -> Option<(u32, u32)> {
    let fields: Vec<&str> =
        users.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|f| f[0] == name)?;
    Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
}

/// The first of these programs that is in one of these folders or in `PATH`.
pub fn program(names: &[&str], folders: &[PathBuf]) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = folders.iter().cloned().chain(std::env::split_paths(&path)).collect();
    let mut candidates = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    candidates.find(|candidate| candidate.is_file()).unwrap_or_else(|| {
        panic!(
            "{} is not installed; run the tests with scripts/test, which installs what they need",
            names[0]
        )
    })
}

/// Runs a program as that user to its end. It has to succeed.
pub fn run(command: &mut Command, user: &UnprivilegedUser) {
    let output = user.run_as(command).output().unwrap();
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    assert!(output.status.success(), "{command:?} failed ({}):\n{out}{err}", output.status);
}
