//! A program that uses a publisher of `examples/`, and does what a test tells it (`tests/publishers/`). It runs in a folder of its
//! own with a copy of the publisher, as a service would have it.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::broker::{Broker, PASSWORD, USER};
use testkit::cleanup::ChildGuard;
use testkit::installed::installed;

/// Longer than any call of a test may take.
const TIMEOUT: Duration = Duration::from_secs(180);

/// Which publisher.
#[derive(Debug, Clone, Copy)]
pub enum Publisher {
    /// `examples/python/fanmail_publisher.py`, with pika.
    Pika,
    /// `examples/python/fanmail_publisher_async.py`, with aio-pika.
    AioPika,
    /// `examples/node/fanmail_publisher.mjs`, with amqplib.
    Node,
}

impl Publisher {
    pub const ALL: [Self; 3] = [Self::Pika, Self::AioPika, Self::Node];

    /// The files to copy, from the folder of the package.
    fn files(self) -> [&'static str; 2] {
        match self {
            Self::Pika => ["examples/python/fanmail_publisher.py", "tests/publishers/driver.py"],
            Self::AioPika => {
                ["examples/python/fanmail_publisher_async.py", "tests/publishers/driver_async.py"]
            }
            Self::Node => ["examples/node/fanmail_publisher.mjs", "tests/publishers/driver.mjs"],
        }
    }

    fn command(self) -> Command {
        match self {
            Self::Pika => python(&["driver.py", "fanmail_publisher"]),
            Self::AioPika => python(&["driver_async.py", "fanmail_publisher_async"]),
            Self::Node => {
                let mut command = Command::new(installed("bin/node"));
                command.arg("driver.mjs");
                command
            }
        }
    }
}

fn python(arguments: &[&str]) -> Command {
    let mut command = Command::new(installed("bin/python"));
    command.args(arguments);
    command
}

/// A folder with the publisher, what uses it, and the libraries of Node.js.
fn service(publisher: Publisher) -> TempDir {
    let dir = tempfile::Builder::new().prefix("fanmail-publisher-").tempdir().unwrap();
    for file in publisher.files() {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        fs::copy(&from, dir.path().join(from.file_name().unwrap())).unwrap();
    }
    symlink(installed("node/node_modules"), dir.path().join("node_modules")).unwrap();
    dir
}

/// What the compiler of TypeScript says against the types of the publisher of Node.js.
pub fn wrong_types() -> String {
    let dir = service(Publisher::Node);
    let output = Command::new(installed("bin/node"))
        .arg(installed("node/node_modules/typescript/bin/tsc"))
        .args(["--noEmit", "--strict", "--allowJs", "--checkJs", "--types", "node"])
        .args(["--module", "nodenext", "--target", "es2022", "fanmail_publisher.mjs"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The running program. Dropping it kills it.
pub struct Driver {
    what: Publisher,
    dir: TempDir,
    ward: ChildGuard,
    answers: Receiver<String>,
}

/// What a call has returned.
#[derive(Debug)]
pub struct Answer {
    pub result: Value,
    pub seconds: f64,
}

impl Driver {
    /// Starts it with the variables of the environment that the publishers document.
    pub fn start(what: Publisher, broker: &Broker, queue: &str) -> Self {
        Self::start_with(what, broker, queue, &[])
    }

    /// The same with more variables.
    pub fn start_with(what: Publisher, broker: &Broker, queue: &str, more: &[(&str, &str)]) -> Self {
        let dir = service(what);
        let mut ward = ChildGuard::spawn(
            what.command()
                .current_dir(dir.path())
                .env("RABBITMQ_HOST", broker.host)
                .env("RABBITMQ_PORT", broker.port.to_string())
                .env("RABBITMQ_USER", USER)
                .env("RABBITMQ_PASSWORD", PASSWORD)
                .env("RABBITMQ_QUEUE", queue)
                .env_remove("RABBITMQ_URL")
                .envs(more.iter().copied())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(File::create(dir.path().join("log")).unwrap()),
        );
        let out = BufReader::new(ward.child.stdout.take().unwrap());
        let (sender, answers) = mpsc::channel();
        thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { what, dir, ward, answers }
    }

    /// Begins a call.
    pub fn begin(&mut self, order: &Value) {
        writeln!(self.ward.child.stdin.as_mut().unwrap(), "{order}").unwrap();
    }

    /// Waits for the end of the call that was begun first.
    #[track_caller]
    pub fn end(&self) -> Answer {
        let Ok(line) = self.answers.recv_timeout(TIMEOUT) else {
            panic!("{:?} has not answered:\n{}", self.what, self.log())
        };
        let mut answer: Value = serde_json::from_str(&line).unwrap();
        Answer { result: answer["result"].take(), seconds: answer["seconds"].as_f64().unwrap() }
    }

    /// Calls a function and waits for its end.
    #[track_caller]
    pub fn call(&mut self, function: &str, arguments: &Value) -> Answer {
        self.begin(&json!({"function": function, "arguments": arguments}));
        self.end()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.dir.path().join("log")).unwrap()).into_owned()
    }
}
