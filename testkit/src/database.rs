//! A private `PostgreSQL` or `MariaDB` server: its own port on loopback, all files in one directory, an ordinary
//! user inside and outside. It shares nothing with another server on this machine.
//!
//! Unit tests include it by its path as well, so this needs only its siblings `guardian`, `ports` and `wait`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tempfile::TempDir;
use uuid::Uuid;

use self::process_tree::{ProcessTree, children_of};
use self::unprivileged::UnprivilegedUser;
use crate::cleanup::{self, ChildGuard};
use crate::ports::free_port;
use crate::wait::wait_for;

mod mariadb;
mod postgresql;
mod process_tree;
mod unprivileged;

/// Whom fanmail logs in as: the owner of its database, and nothing more.
pub const USER: &str = "fanmail_tests";
/// A word that is easy to look for in logs.
pub const PASSWORD: &str = "parsnip-in-the-database-password";

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// `PostgreSQL`.
    Postgresql,
    /// `MariaDB`.
    Mariadb,
}

/// A running server, or one that could run. Dropping it ends it.
pub struct Database {
    server: Server,
    folder: PathBuf,
    _temporary: Option<TempDir>,
    /// Where it listens.
    pub port: u16,
    user: UnprivilegedUser,
    process: Mutex<Option<ChildGuard>>,
}

impl Database {
    /// The server that most tests share; each with a database of its own. It ends with the test process.
    pub fn shared(server: Server) -> Arc<Self> {
        static POSTGRESQL: OnceLock<Arc<Database>> = OnceLock::new();
        static MARIADB: OnceLock<Arc<Database>> = OnceLock::new();
        let shared = match server {
            Server::Postgresql => &POSTGRESQL,
            Server::Mariadb => &MARIADB,
        };
        Arc::clone(shared.get_or_init(|| {
            // A static is never dropped.
            let folder = temporary_folder().keep();
            let database = Self::prepare(server, folder, None);
            database.start();
            Arc::new(database)
        }))
    }

    /// A server of one's own that is not started yet: to be killed, or to come late.
    pub fn own(server: Server) -> Arc<Self> {
        let folder = temporary_folder();
        Arc::new(Self::prepare(server, folder.path().to_owned(), Some(folder)))
    }

    /// The same with its data in a folder that is there, empty and the caller's: on a disk that fills up, say.
    pub fn own_in(server: Server, folder: &Path) -> Arc<Self> {
        Arc::new(Self::prepare(server, folder.to_owned(), None))
    }

    fn prepare(server: Server, folder: PathBuf, temporary: Option<TempDir>) -> Self {
        cleanup::remove_at_exit(&folder);
        let user = UnprivilegedUser::for_server(match server {
            Server::Postgresql => "postgres",
            Server::Mariadb => "mysql",
        });
        user.own(&folder);
        match server {
            Server::Postgresql => postgresql::make_files(&folder, &user),
            Server::Mariadb => mariadb::make_files(&folder, &user),
        }
        Self { server, folder, _temporary: temporary, port: free_port(), user, process: Mutex::new(None) }
    }

    /// Starts it, again with the data it had, and waits until it answers.
    pub fn start(&self) {
        let mut process = self.process.lock().unwrap();
        assert!(process.is_none(), "the database runs already");
        let output = File::options().create(true).append(true).open(self.folder.join("output")).unwrap();
        let mut command = match self.server {
            Server::Postgresql => postgresql::command(&self.folder, self.port),
            Server::Mariadb => mariadb::command(&self.folder, self.port),
        };
        self.user.becomes(&mut command);
        command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        let mut ward = match self.server {
            // Killed, it would leave its shared memory behind.
            Server::Postgresql => ChildGuard::spawn_with_quit(&mut command),
            Server::Mariadb => ChildGuard::spawn(&mut command),
        };
        wait_for("the database to start", Duration::from_secs(60), || {
            let ended = ward.child.try_wait().unwrap();
            assert!(ended.is_none(), "{:?} ended at once ({ended:?}):\n{}", self.server, self.log());
            self.try_administer("SELECT 1").ok()
        });
        *process = Some(ward);
    }

    /// Ends it in good order and starts it again.
    pub fn restart(&self) {
        self.stop();
        self.start();
    }

    /// Ends it in good order; whoever is connected is sent away.
    pub fn stop(&self) {
        let mut process = self.process.lock().unwrap().take().expect("the database does not run");
        process.signal(match self.server {
            Server::Postgresql => "INT",
            Server::Mariadb => "TERM",
        });
        wait_for("the database to end", Duration::from_secs(60), || process.child.try_wait().unwrap());
    }

    /// SIGKILL to all its processes at once, as when the power goes: no goodbye to anybody.
    pub fn kill(&self) {
        let mut process = self.process.lock().unwrap().take().expect("the database does not run");
        ProcessTree::freeze(&process).kill();
        process.child.wait().unwrap();
    }

    /// SIGSTOP: connections stay open, even new ones are taken, and nothing answers until this is thawed.
    #[must_use]
    pub fn freeze(&self) -> ProcessTree {
        ProcessTree::freeze(self.process.lock().unwrap().as_ref().expect("the database does not run"))
    }

    /// A fresh database; gives its URL, with user and password.
    pub fn create_database(&self) -> String {
        let name = format!("test_{}", Uuid::now_v7().simple());
        let (scheme, statements) = match self.server {
            Server::Postgresql => ("postgres", format!("CREATE DATABASE {name} OWNER {USER}")),
            Server::Mariadb => (
                "mysql",
                format!(
                    "CREATE DATABASE {name} CHARACTER SET utf8mb4; GRANT ALL ON {name}.* TO {USER}@127.0.0.1"
                ),
            ),
        };
        self.administer(&statements);
        format!("{scheme}://{USER}:{PASSWORD}@127.0.0.1:{}/{name}", self.port)
    }

    /// Runs statements as the server's administrator; gives their rows, tabs between the columns.
    #[track_caller]
    pub fn administer(&self, statements: &str) -> String {
        match self.try_administer(statements) {
            Ok(rows) => rows,
            Err(trouble) => panic!("{statements}: {trouble}"),
        }
    }

    fn try_administer(&self, statements: &str) -> Result<String, String> {
        let mut client = match self.server {
            Server::Postgresql => postgresql::client(self.port, statements),
            Server::Mariadb => mariadb::client(self.port, statements),
        };
        let output = client.stdin(Stdio::null()).output().unwrap();
        if output.status.success() {
            Ok(String::from_utf8(output.stdout).unwrap())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("output")).unwrap_or_default()
    }

    /// The ids of its processes, when it runs.
    pub fn pids(&self) -> Vec<u32> {
        let process = self.process.lock().unwrap();
        process
            .iter()
            .flat_map(|ward| [vec![ward.child.id()], children_of(ward.child.id())].concat())
            .collect()
    }
}

fn temporary_folder() -> TempDir {
    tempfile::Builder::new().prefix("fanmail-database-").tempdir().unwrap()
}
