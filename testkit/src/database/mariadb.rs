//! The programs of `MariaDB`. Each has an older name, too.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::database::unprivileged::{UnprivilegedUser, program, run};
use crate::database::{PASSWORD, USER};

/// Given when the files are created and at each start; otherwise the server would create the log anew.
const LOG_SIZE: &str = "--innodb-log-file-size=16M";

fn find(names: &[&str]) -> PathBuf {
    program(names, &["/usr/sbin", "/usr/libexec", "/usr/local/sbin"].map(PathBuf::from))
}

/// Creates the files of a server, and the user. In memory, then copied to the folder: the installation always waits for
/// the disk, which takes 3.8 s there instead of 0.4 s.
pub fn make_files(folder: &Path, user: &UnprivilegedUser) {
    let memory = tempfile::Builder::new().prefix("fanmail-database-").tempdir_in("/dev/shm");
    let scratch = memory.as_ref().map_or(folder, |memory| memory.path()).join("new");
    user.give(scratch.parent().unwrap());
    let mut command = Command::new(find(&["mariadb-install-db", "mysql_install_db"]));
    command
        .args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", LOG_SIZE])
        .arg(format!("--datadir={}", scratch.display()))
        // At its start a server removes from there what looks like files of an older server.
        .env("TMPDIR", scratch.parent().unwrap())
        .current_dir(folder);
    run(&mut command, user);
    run(Command::new("cp").arg("-R").arg(&scratch).arg(folder.join("data")), user);
    let statements = folder.join("init.sql");
    fs::write(
        &statements,
        format!("CREATE USER IF NOT EXISTS {USER}@127.0.0.1 IDENTIFIED BY '{PASSWORD}';\n"),
    )
    .unwrap();
    user.give(&statements);
}

/// The server. What is not set here is as in production; it waits for the disk.
pub fn command(folder: &Path, port: u16) -> Command {
    let mut command = Command::new(find(&["mariadbd", "mysqld"]));
    let at = |option: &str, name: &str| format!("--{option}={}", folder.join(name).display());
    command
        .args(["--no-defaults", "--bind-address=127.0.0.1", &format!("--port={port}")])
        .args([
            at("datadir", "data"),
            at("socket", "socket"),
            at("pid-file", "pid"),
            at("init-file", "init.sql"),
        ])
        .args(["--skip-name-resolve", "--innodb-buffer-pool-size=16M", LOG_SIZE, "--max-connections=200"])
        .env("TMPDIR", folder)
        .current_dir(folder);
    command
}

/// The client, with these statements.
pub fn client(port: u16, statements: &str) -> Command {
    let mut command = Command::new(find(&["mariadb", "mysql"]));
    command
        .args(["--no-defaults", "--batch", "--skip-column-names", "--protocol=tcp", "--connect-timeout=10"])
        .args(["--host=127.0.0.1", &format!("--port={port}"), "--user=root", "--execute", statements]);
    command
}
