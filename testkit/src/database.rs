//! A private `PostgreSQL` or `MariaDB` server: a port of its own on loopback, all files in one folder, run by an
//! ordinary user. It shares nothing with another server on this machine.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tempfile::TempDir;
use uuid::Uuid;

use crate::cleanup::{self, ChildGuard};
use crate::database::process_tree::{ProcessTree, children_of};
use crate::database::unprivileged::UnprivilegedUser;
use crate::ports::free_port;
use crate::wait::{wait_for, wait_for_program};

mod mariadb;
mod postgresql;
mod process_tree;
pub(crate) mod unprivileged;

/// The user of fanmail: owner of its database, without other rights.
pub const USER: &str = "fanmail_tests";
/// The password, a word that is easy to find in a log.
pub const PASSWORD: &str = "parsnip-in-the-database-password";

/// A kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// `PostgreSQL`.
    Postgresql,
    /// `MariaDB`.
    Mariadb,
}

/// A server that runs or can be started. Dropping it stops it.
pub struct Database {
    server: Server,
    folder: PathBuf,
    _temporary: Option<TempDir>,
    /// Port on loopback.
    pub port: u16,
    options: Vec<String>,
    user: UnprivilegedUser,
    process: Mutex<Option<ChildGuard>>,
}

impl Database {
    /// The server that most tests share, each with a database of its own. It ends with the test process.
    pub fn shared(server: Server) -> Arc<Self> {
        static SERVERS: [OnceLock<Arc<Database>>; 2] = [const { OnceLock::new() }; 2];
        Self::keep(&SERVERS[server as usize], server, temporary_folder, &[])
    }

    /// The same, but it does not wait for the disk: for the tests of statements, which make a database each and time nothing.
    pub fn shared_without_disk_waits(server: Server) -> Arc<Self> {
        static SERVERS: [OnceLock<Arc<Database>>; 2] = [const { OnceLock::new() }; 2];
        let (folder, options): (fn() -> TempDir, &[&str]) = match server {
            Server::Postgresql => (temporary_folder, postgresql::WITHOUT_DISK_WAITS),
            // It has no option that ends all waits: those of CREATE TABLE stay.
            Server::Mariadb => (folder_in_memory, &[]),
        };
        Self::keep(&SERVERS[server as usize], server, folder, options)
    }

    fn keep(
        kept: &'static OnceLock<Arc<Self>>,
        server: Server,
        folder: fn() -> TempDir,
        options: &[&str],
    ) -> Arc<Self> {
        Arc::clone(kept.get_or_init(|| {
            // A static is never dropped.
            let mut database = Self::prepare(server, folder().keep(), None);
            database.options = owned(options);
            database.start();
            Arc::new(database)
        }))
    }

    /// A separate server that is not started yet, for a test that kills it or starts it late.
    pub fn own(server: Server) -> Arc<Self> {
        let folder = temporary_folder();
        Arc::new(Self::prepare(server, folder.path().to_owned(), Some(folder)))
    }

    /// The same, started with more options of the server.
    pub fn own_with(server: Server, options: &[&str]) -> Arc<Self> {
        let folder = temporary_folder();
        let mut database = Self::prepare(server, folder.path().to_owned(), Some(folder));
        database.options = owned(options);
        Arc::new(database)
    }

    /// The same with its data in this folder, which has to exist and to be empty; on a disk that fills up, for example.
    pub fn own_in(server: Server, folder: &Path) -> Arc<Self> {
        Arc::new(Self::prepare(server, folder.to_owned(), None))
    }

    fn prepare(server: Server, folder: PathBuf, temporary: Option<TempDir>) -> Self {
        cleanup::remove_at_exit(&folder);
        let user = UnprivilegedUser::for_server(match server {
            Server::Postgresql => "postgres",
            Server::Mariadb => "mysql",
        });
        user.give(&folder);
        match server {
            Server::Postgresql => postgresql::make_files(&folder, &user),
            Server::Mariadb => mariadb::make_files(&folder, &user),
        }
        let (port, process) = (free_port(), Mutex::new(None));
        Self { server, folder, _temporary: temporary, port, options: Vec::new(), user, process }
    }

    /// Starts the server with the data that it had, and waits until it answers.
    pub fn start(&self) {
        let mut process = self.process.lock().unwrap();
        assert!(process.is_none(), "the database runs already");
        let output = File::options().create(true).append(true).open(self.folder.join("output")).unwrap();
        let mut command = match self.server {
            Server::Postgresql => postgresql::command(&self.folder, self.port),
            Server::Mariadb => mariadb::command(&self.folder, self.port),
        };
        self.user.run_as(&mut command).args(&self.options);
        command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        let mut ward = match self.server {
            // After SIGKILL its shared memory would stay behind.
            Server::Postgresql => ChildGuard::spawn_with_quit(&mut command),
            Server::Mariadb => ChildGuard::spawn(&mut command),
        };
        wait_for_program(
            "the database to start",
            Duration::from_secs(60),
            || self.log(),
            || {
                let ended = ward.child.try_wait().unwrap();
                assert!(ended.is_none(), "{:?} ended at once ({ended:?}):\n{}", self.server, self.log());
                self.try_administer("SELECT 1").ok()
            },
        );
        *process = Some(ward);
    }

    /// Stops the server in good order and starts it again.
    pub fn restart(&self) {
        self.stop();
        self.start();
    }

    /// Stops the server in good order. It closes all connections.
    pub fn stop(&self) {
        let mut process = self.process.lock().unwrap().take().expect("the database does not run");
        process.signal(match self.server {
            Server::Postgresql => "INT",
            Server::Mariadb => "TERM",
        });
        wait_for("the database to end", Duration::from_secs(60), || process.child.try_wait().unwrap());
    }

    /// Sends SIGKILL to all processes of the server at once, as in a power failure.
    pub fn kill(&self) {
        let mut process = self.process.lock().unwrap().take().expect("the database does not run");
        ProcessTree::freeze(&process).kill();
        process.child.wait().unwrap();
    }

    /// Sends SIGSTOP to all processes of the server: connections stay open, new ones are accepted, and the server
    /// answers nothing until the result is dropped.
    #[must_use]
    pub fn freeze(&self) -> ProcessTree {
        ProcessTree::freeze(self.process.lock().unwrap().as_ref().expect("the database does not run"))
    }

    /// Creates a database and returns its URL with user and password.
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

    /// Runs statements as administrator of the server. Returns their rows, with tabs between the columns.
    #[track_caller]
    pub fn administer(&self, statements: &str) -> String {
        match self.try_administer(statements) {
            Ok(rows) => rows,
            Err(error) => panic!("{statements}: {error}"),
        }
    }

    /// Major and minor version, such as (15, 14) or (10, 11): what the server does depends on it.
    pub fn version(&self) -> (u32, u32) {
        let version = self.administer(match self.server {
            Server::Postgresql => "SHOW server_version",
            Server::Mariadb => "SELECT VERSION()",
        });
        let mut numbers = version.split(['.', '-', ' ']).map(|number| number.parse().unwrap());
        (numbers.next().unwrap(), numbers.next().unwrap())
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

    /// The log of the server.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("output")).unwrap_or_default()
    }

    /// The process ids of the server, if it runs.
    pub fn pids(&self) -> Vec<u32> {
        let process = self.process.lock().unwrap();
        process
            .iter()
            .flat_map(|ward| [vec![ward.child.id()], children_of(ward.child.id())].concat())
            .collect()
    }
}

fn owned(options: &[&str]) -> Vec<String> {
    options.iter().map(|option| (*option).to_owned()).collect()
}

fn temporary_folder() -> TempDir {
    tempfile::Builder::new().prefix("fanmail-database-").tempdir().unwrap()
}

/// The same in memory, if the databases of all tests have room there: 0.8 GiB, measured with `MariaDB`.
fn folder_in_memory() -> TempDir {
    let memory = Path::new("/dev/shm");
    let room = rustix::fs::statvfs(memory).map_or(0, |disk| disk.f_bavail * disk.f_frsize);
    if room < 2 << 30 {
        return temporary_folder();
    }
    tempfile::Builder::new().prefix("fanmail-database-").tempdir_in(memory).unwrap()
}
