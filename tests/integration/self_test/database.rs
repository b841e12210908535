//! The private database servers: what they keep, how they are killed, and that they end with the tests.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use testkit::cleanup::ChildGuard;
use testkit::database::{Database, PASSWORD, Server, USER};
use testkit::wait::{TIMEOUT, wait_until};

const BOTH: [Server; 2] = [Server::Postgresql, Server::Mariadb];

#[test]
fn each_database_of_the_shared_servers_is_new_and_waits_for_the_disk() {
    for (server, scheme, durable) in [
        (Server::Postgresql, "postgres", "SHOW fsync"),
        (Server::Mariadb, "mysql", "SELECT IF(@@innodb_flush_log_at_trx_commit = 1, 'on', 'off')"),
    ] {
        let database = Database::shared(server);
        let [one, other] = [database.create_database(), database.create_database()];
        assert_ne!(one, other);
        let start = format!("{scheme}://{USER}:{PASSWORD}@127.0.0.1:{}/test_", database.port);
        assert!(one.starts_with(&start) && other.starts_with(&start), "{one}");
        assert_eq!(database.administer(durable).trim(), "on");
        assert_eq!(Database::shared(server).port, database.port);
    }
}

#[test]
fn a_killed_server_restarts_with_what_was_committed() {
    for server in BOTH {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::own_in(server, folder.path());
        database.start();
        database.administer("CREATE DATABASE kept");
        database.kill();
        assert!(database.pids().is_empty());
        TcpStream::connect((Ipv4Addr::LOCALHOST, database.port)).unwrap_err();
        database.start();
        let names = match server {
            Server::Postgresql => "SELECT datname FROM pg_database",
            Server::Mariadb => "SHOW DATABASES",
        };
        assert!(database.administer(names).contains("kept"));
        database.restart();
        assert!(database.administer(names).contains("kept"));
    }
}

#[test]
fn a_frozen_server_answers_nothing_until_it_is_thawed() {
    for server in BOTH {
        let database = Database::own(server);
        database.start();
        let frozen = database.freeze();
        TcpStream::connect((Ipv4Addr::LOCALHOST, database.port)).unwrap();
        let (sender, answers) = mpsc::channel();
        let asking = database.clone();
        let asker = thread::spawn(move || sender.send(asking.administer("SELECT 42")).unwrap());
        // The client gives up after 10 s. Otherwise the server answers within about 50 ms.
        answers.recv_timeout(Duration::from_secs(1)).unwrap_err();
        frozen.thaw();
        assert_eq!(answers.recv_timeout(TIMEOUT).unwrap().trim(), "42");
        asker.join().unwrap();
    }
}

/// Set in the copy of the test below that is killed.
const ABANDON: &str = "FANMAIL_TEST_ABANDON_DATABASE";

#[test]
fn a_killed_test_leaves_no_database_behind() {
    if std::env::var_os(ABANDON).is_some() {
        start_databases_and_wait_to_be_killed();
    }
    let mut test = ChildGuard::spawn(
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "self_test::database::a_killed_test_leaves_no_database_behind", "--nocapture"])
            .env(ABANDON, "1")
            .stdout(Stdio::piped())
            .stderr(Stdio::null()),
    );
    let mut lines = BufReader::new(test.child.stdout.take().unwrap()).lines();
    let pids = lines.find_map(|line| Some(line.unwrap().strip_prefix("abandoned ")?.to_owned())).unwrap();
    let pids: Vec<&str> = pids.split(' ').collect();
    let runs = |pid: &&str| {
        let command = std::fs::read(Path::new("/proc").join(pid).join("cmdline"));
        command.is_ok_and(|command| !command.is_empty())
    };
    // Not all of them: a server ends some of its processes by itself, such as one that vacuums.
    assert!(pids.iter().filter(|pid| runs(pid)).count() > BOTH.len(), "{pids:?}");
    test.child.kill().unwrap();
    wait_until("the processes to be killed", || !pids.iter().any(runs));
}

/// Starts one server of each kind and one that is frozen.
fn start_databases_and_wait_to_be_killed() -> ! {
    let databases = [BOTH.map(Database::own), [Server::Postgresql; 2].map(Database::own)].concat();
    for database in &databases {
        database.start();
    }
    let _frozen = databases[2].freeze();
    let pids: Vec<String> = databases.iter().flat_map(|one| one.pids()).map(|pid| pid.to_string()).collect();
    println!("\nabandoned {}", pids.join(" "));
    loop {
        thread::park();
    }
}
