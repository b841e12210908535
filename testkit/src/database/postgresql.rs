//! The programs of `PostgreSQL`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::database::unprivileged::{UnprivilegedUser, program, run};
use crate::database::{PASSWORD, USER};

/// The superuser, and the name of its database.
const ADMINISTRATOR: &str = "postgres";

/// Options of a server that tests share: it leaves the writing to the operating system.
pub const WITHOUT_DISK_WAITS: &[&str] = &["-c", "fsync=off"];

/// Debian keeps each version in a folder of its own that is not in `PATH`. The newest version comes first.
fn find(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut versions: Vec<u32> =
        versions.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    let folders: Vec<PathBuf> =
        versions.iter().map(|version| format!("/usr/lib/postgresql/{version}/bin").into()).collect();
    program(&[name], &folders)
}

/// Creates the files of a server, and the user.
pub fn make_files(folder: &Path, user: &UnprivilegedUser) {
    let secret = folder.join("password");
    fs::write(&secret, PASSWORD).unwrap();
    user.give(&secret);
    let mut command = Command::new(find("initdb"));
    command
        .args([
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C",
            "--auth=scram-sha-256",
            "--username",
            ADMINISTRATOR,
        ])
        .arg("--pwfile")
        .arg(&secret)
        .arg("--pgdata")
        .arg(folder.join("data"))
        .current_dir(folder);
    run(&mut command, user);
    // A server without a port that reads statements from its standard input.
    let statements = folder.join("statements");
    fs::write(&statements, format!("CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'\n")).unwrap();
    let mut command = Command::new(find("postgres"));
    command
        .args(["--single", "-j", "-c", "fsync=off", "-D"])
        .arg(folder.join("data"))
        .arg(ADMINISTRATOR)
        .stdin(fs::File::open(&statements).unwrap())
        .current_dir(folder);
    run(&mut command, user);
}

/// The server. What is not set here is as in production; it waits for the disk.
pub fn command(folder: &Path, port: u16) -> Command {
    let mut command = Command::new(find("postgres"));
    command.arg("-D").arg(folder.join("data")).current_dir(folder).env_remove("PGDATA");
    for setting in [
        "listen_addresses=127.0.0.1",
        &format!("port={port}"),
        "unix_socket_directories=",
        "shared_buffers=16MB",
        "max_connections=200",
        // In the data folder, which is removed at the end.
        "dynamic_shared_memory_type=mmap",
    ] {
        command.args(["-c", setting]);
    }
    command
}

/// psql with these statements, each in a transaction of its own.
pub fn client(port: u16, statements: &str) -> Command {
    let mut command = Command::new(find("psql"));
    command
        .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--field-separator=\t"])
        .args(["--host=127.0.0.1", &format!("--port={port}"), "--username", ADMINISTRATOR])
        .args(["--dbname", ADMINISTRATOR, "--set=ON_ERROR_STOP=1"])
        .env("PGPASSWORD", PASSWORD)
        .env("PGCONNECT_TIMEOUT", "10");
    for statement in statements.split(';') {
        command.arg("--command").arg(statement);
    }
    command
}
