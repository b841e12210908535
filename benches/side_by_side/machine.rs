//! The facts about the machine. Tables from different machines cannot be compared.

use std::fs;
use std::process::Command;

use testkit::broker::Broker;
use testkit::database::{Database, Server};
use testkit::ledger::Ledger;

/// Names and values, in the order of the table.
pub type Facts = Vec<(&'static str, String)>;

/// The machine, the programs, and the settings that decide when a database reports a commit.
pub fn facts() -> Facts {
    let postgresql = Database::shared(Server::Postgresql);
    let show = |name: &str| postgresql.administer(&format!("SHOW {name}")).trim().to_owned();
    let commit = output_of("git", &["describe", "--always", "--dirty", "--abbrev=12"]);
    vec![
        ("fanmail", format!("{}, commit {commit}", env!("CARGO_PKG_VERSION"))),
        ("machine", format!("{} × {}, {} memory", cores(), processor(), memory())),
        ("kernel", format!("Linux {}", read("/proc/sys/kernel/osrelease"))),
        ("files", format!("{}, for the databases and the broker", file_system())),
        ("Rust", output_of("rustc", &["--version"])),
        ("RabbitMQ", Broker::shared().ctl(&["version"]).trim().to_owned()),
        (
            "PostgreSQL",
            format!(
                "{}, fsync {}, synchronous_commit {}, shared_buffers {}",
                show("server_version"),
                show("fsync"),
                show("synchronous_commit"),
                show("shared_buffers")
            ),
        ),
        (
            "SQLite",
            format!(
                "{}, journal_mode WAL, synchronous NORMAL, as fanmail sets them",
                Ledger::sqlite_version()
            ),
        ),
        ("Postfix's tools", std::env::var("SMTP_TOOLS_VERSION").unwrap_or_else(|_| "unknown".to_owned())),
    ]
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn output_of(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success());
    output.map_or_else(
        || "unknown".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The value of the first line with this name in a file of /proc.
fn value_in(path: &str, name: &str) -> String {
    let text = read(path);
    let line = text.lines().filter_map(|line| line.split_once(':')).find(|(found, _)| found.trim() == name);
    line.map_or_else(|| "unknown".to_owned(), |(_, value)| value.trim().to_owned())
}

fn processor() -> String {
    value_in("/proc/cpuinfo", "model name")
}

fn memory() -> String {
    let total = value_in("/proc/meminfo", "MemTotal");
    let kib = total.strip_suffix(" kB").and_then(|kib| kib.parse::<u64>().ok());
    kib.map_or(total, |kib| format!("{} GiB", (kib + (1 << 19)) >> 20))
}

/// The file system of the folder for temporary files.
fn file_system() -> String {
    let folder = std::env::temp_dir();
    let output = output_of("df", &["--output=fstype", &folder.to_string_lossy()]);
    output.lines().last().unwrap_or("unknown").to_owned()
}
