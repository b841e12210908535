//! A private Postfix that takes mails on loopback, passes them on to another server, and delivers to a Maildir what comes back to the
//! sender's domain. Its files are in a folder of its own; nothing of the system's Postfix is used but the programs.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::bench::sink::program;
use crate::cleanup::{ChildGuard, remove_at_exit};
use crate::database::unprivileged::is_root;
use crate::ports::free_port;
use crate::wait::wait_for_program;

/// User and group `nobody`, and another user and another group, as Postfix wants three that differ.
const NOBODY: u32 = 65_534;
const OWNER: &str = "nobody";
const OTHER_USER: &str = "daemon";
const OTHER_GROUP: &str = "mail";

/// The folders of its queue.
const FOLDERS: [&str; 15] = [
    "incoming", "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "maildrop", "pid",
    "private", "public", "saved", "trace", "data",
];

/// Its services, without those that a mail from one server to another does not need.
const SERVICES: &str = "
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
smtp unix - - n - - smtp
relay unix - - n - - smtp
virtual unix - n n - - virtual
proxymap unix - - n - - proxymap
scache unix - - n - 1 scache
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
";

/// A running Postfix. Dropping it ends it.
pub struct Postfix {
    _master: ChildGuard,
    /// Removed when no process writes to it any more.
    folder: TempDir,
    /// Port on loopback.
    pub port: u16,
}

impl Postfix {
    /// A Postfix that passes mails on to a port of loopback, but keeps those to `domain`. `None`: only root can start one.
    pub fn start(next_port: u16, domain: &str) -> Option<Self> {
        if !is_root() {
            eprintln!("left out, because only root can start Postfix");
            return None;
        }
        let folder = tempfile::Builder::new().prefix("fanmail-postfix-").tempdir().unwrap();
        remove_at_exit(folder.path());
        // Its parts change their user, and have to get here.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let port = free_port();
        make_folders(folder.path());
        let programs = programs();
        configure(folder.path(), &programs, port, next_port, domain);
        let mut command = Command::new(programs.join("lib/postfix/sbin/master"));
        command.arg("-c").arg(folder.path().join("config")).arg("-d");
        command.env("MAIL_CONFIG", folder.path().join("config"));
        command.env("LD_LIBRARY_PATH", libraries(&programs));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut master = ChildGuard::spawn_group(&mut command);
        let log = folder.path().join("log");
        let words = || fs::read_to_string(&log).unwrap_or_default();
        wait_for_program("Postfix to listen", Duration::from_secs(30), words, || {
            let ended = master.child.try_wait().unwrap();
            assert!(ended.is_none(), "Postfix ended at once ({ended:?}):\n{}", words());
            std::net::TcpStream::connect(("127.0.0.1", port)).ok()
        });
        Some(Self { _master: master, folder, port })
    }

    /// The Maildir of the mails to its domain.
    pub fn maildir(&self) -> PathBuf {
        self.folder.path().join("mail/bounces")
    }

    /// Its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

/// The folder `usr` of the programs: that of the system, or that where `scripts/lib/smtp-tools.sh` has unpacked them.
fn programs() -> PathBuf {
    let sink = PathBuf::from(program("SMTP_SINK"));
    let root = sink.parent().and_then(Path::parent).unwrap();
    let unpacked = root.join("usr");
    if unpacked.join("lib/postfix/sbin/master").is_file() { unpacked } else { root.to_owned() }
}

/// The folders of their libraries: those of Postfix, and those that the script has unpacked beside it, because the machine had none.
fn libraries(programs: &Path) -> String {
    let of_machines =
        [programs.join("lib"), programs.with_file_name("lib")].into_iter().flat_map(fs::read_dir);
    let unpacked = of_machines.flatten().map(|entry| entry.unwrap().path());
    let unpacked = unpacked.filter(|folder| folder.to_string_lossy().contains("-linux-gnu"));
    let folders = [programs.join("lib/postfix")].into_iter().chain(unpacked);
    folders.map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(":")
}

fn make_folders(folder: &Path) {
    fs::create_dir(folder.join("config")).unwrap();
    fs::create_dir_all(folder.join("mail")).unwrap();
    chown(folder.join("mail"), Some(NOBODY), None).unwrap();
    for name in FOLDERS {
        let path = folder.join("queue").join(name);
        fs::create_dir_all(&path).unwrap();
        if name != "pid" {
            chown(&path, Some(NOBODY), None).unwrap();
        }
        let mode = if matches!(name, "public" | "maildrop" | "pid") { 0o755 } else { 0o700 };
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    }
}

fn configure(folder: &Path, programs: &Path, port: u16, next_port: u16, domain: &str) {
    let (folder, libraries, programs) = (folder.display(), libraries(programs), programs.display());
    let settings = format!(
        "compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/queue/data
daemon_directory = {programs}/lib/postfix/sbin
command_directory = {programs}/sbin
shlib_directory = {programs}/lib/postfix
mail_owner = {OWNER}
default_privs = {OTHER_USER}
setgid_group = {OTHER_GROUP}
import_environment = MAIL_CONFIG={folder}/config LD_LIBRARY_PATH={libraries}
myhostname = relay.{domain}
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
alias_maps =
local_recipient_maps =
relayhost = [127.0.0.1]:{next_port}
recipient_delimiter = +
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = static:bounces/
virtual_uid_maps = static:{NOBODY}
virtual_gid_maps = static:{NOBODY}
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
"
    );
    let config = |name: &str| format!("{folder}/config/{name}");
    fs::write(config("main.cf"), settings).unwrap();
    fs::write(config("master.cf"), format!("127.0.0.1:{port} inet n - n - - smtpd{SERVICES}")).unwrap();
}
