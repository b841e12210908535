//! A private RabbitMQ node: ports of its own on loopback, an epmd of its own, all files in one folder, no plugins. It
//! shares nothing with another broker on this machine.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use amiquip::Connection;
use tempfile::TempDir;

use crate::cleanup::{self, ChildGuard};
use crate::network::Network;
use crate::niceness;
use crate::ports::free_port;
use crate::wait::{wait_for, wait_for_program};

/// The server script itself: Debian's wrapper in /usr/sbin insists on user root or rabbitmq.
const SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
/// The control script itself, for the same reason.
const CTL: &str = "/usr/lib/rabbitmq/bin/rabbitmqctl";
/// The user of the tests.
pub const USER: &str = "fanmail-tests";
/// The password, a word that is easy to find in a log.
pub const PASSWORD: &str = "carrot-in-the-amqp-password";

/// A broker. Dropping it kills it.
pub struct Broker {
    folder: PathBuf,
    _temporary: Option<TempDir>,
    /// Where the tests reach it.
    pub host: &'static str,
    /// The port for AMQP.
    pub port: u16,
    /// The beginning of each command of it: of a node in a network namespace of its own.
    wrapper: Vec<String>,
    /// The beginning of a command that has the niceness of the node.
    pub niceness: &'static [String],
    dist_port: u16,
    epmd_port: u16,
    node: Mutex<Option<ChildGuard>>,
    epmd: ChildGuard,
}

impl Broker {
    /// The node that most tests share, each with a queue of its own. It ends with the test process.
    pub fn shared() -> Arc<Self> {
        static SHARED: OnceLock<Arc<Broker>> = OnceLock::new();
        Arc::clone(SHARED.get_or_init(|| {
            let folder = tempfile::Builder::new().prefix("fanmail-broker-").tempdir().unwrap();
            // A static is never dropped.
            let folder = folder.keep();
            let broker = Self::prepare(folder, None, None);
            broker.start();
            Arc::new(broker)
        }))
    }

    /// A separate node that is not started yet, for a test that kills it or starts it late.
    pub fn own() -> Arc<Self> {
        let folder = tempfile::Builder::new().prefix("fanmail-broker-").tempdir().unwrap();
        Arc::new(Self::prepare(folder.path().to_owned(), Some(folder), None))
    }

    /// The same with low niceness, for a test that depends on pauses: after one the broker writes acks.
    pub fn own_with_low_niceness() -> Arc<Self> {
        let broker = Arc::into_inner(Self::own()).unwrap();
        Arc::new(Self { niceness: niceness::low(), ..broker })
    }

    /// The same behind the links of a network.
    pub fn own_in(network: &Network) -> Arc<Self> {
        let folder = tempfile::Builder::new().prefix("fanmail-broker-").tempdir().unwrap();
        Arc::new(Self::prepare(folder.path().to_owned(), Some(folder), Some(network)))
    }

    /// The same with more lines in rabbitmq.conf, and this advanced.config (an Erlang term, or empty).
    pub fn own_with(conf: &str, advanced: &str) -> Arc<Self> {
        let broker = Self::own();
        let path = broker.folder.join("rabbitmq.conf");
        let usual = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{usual}{conf}\n")).unwrap();
        if !advanced.is_empty() {
            fs::write(broker.folder.join("advanced.config"), advanced).unwrap();
        }
        broker
    }

    fn prepare(folder: PathBuf, temporary: Option<TempDir>, network: Option<&Network>) -> Self {
        let wrapper = network.map(Network::wrapper).unwrap_or_default();
        cleanup::remove_at_exit(&folder);
        let epmd_port = free_port();
        fs::create_dir(folder.join("conf.d")).unwrap();
        let file = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
        file("rabbitmq-env.conf", "");
        file("enabled_plugins", "[].\n");
        file("advanced.config", "[].\n");
        // The disk alarm of a nearly full machine would block publishers.
        let conf = format!(
            "disk_free_limit.absolute = 1MB\ndefault_user = {USER}\ndefault_pass = {PASSWORD}\n\
             default_user_tags.administrator = true\n"
        );
        file("rabbitmq.conf", &conf);
        let errors = File::create(folder.join("epmd")).unwrap();
        // In the foreground, so that its pid is known.
        let epmd = ChildGuard::spawn(
            wrapped(&wrapper, "epmd")
                .env_clear()
                .env("PATH", path())
                .env("ERL_EPMD_PORT", epmd_port.to_string())
                .env("ERL_EPMD_ADDRESS", "127.0.0.1")
                .stdin(Stdio::null())
                .stdout(errors.try_clone().unwrap())
                .stderr(errors),
        );
        Self {
            folder,
            _temporary: temporary,
            host: network.map_or("127.0.0.1", Network::safe_address),
            port: free_port(),
            wrapper,
            niceness: &[],
            dist_port: free_port(),
            epmd_port,
            node: Mutex::new(None),
            epmd,
        }
    }

    /// Starts the node with the data that it had, and waits until it accepts connections.
    pub fn start(&self) {
        let mut node = self.node.lock().unwrap();
        assert!(node.is_none(), "the broker runs already");
        let output = File::create(self.folder.join("output")).unwrap();
        let starts = self.starts();
        let errors = output.try_clone().unwrap();
        let mut ward = ChildGuard::spawn(self.command().stdout(output).stderr(errors));
        wait_for_program(
            "the broker to start",
            Duration::from_secs(120),
            || self.log(),
            || {
                let ended = ward.child.try_wait().unwrap();
                assert!(ended.is_none(), "RabbitMQ ended at once ({ended:?}):\n{}", self.log());
                // RabbitMQ 4 opens its port for TLS a moment after the one for AMQP.
                (self.starts() > starts).then(|| self.try_connect()).flatten()
            },
        );
        *node = Some(ward);
    }

    /// Number of completed starts.
    fn starts(&self) -> usize {
        self.log().matches("Server startup complete").count()
    }

    /// Major and minor version, such as (3, 10), once it was started: what it does depends on it.
    ///
    /// # Panics
    /// When the log does not say it.
    pub fn version(&self) -> (u32, u32) {
        let log = self.log();
        let version = log.split("Starting RabbitMQ ").nth(1).expect("the log has no version");
        let mut numbers = version.split('.').map(|number| number.parse().unwrap());
        (numbers.next().unwrap(), numbers.next().unwrap())
    }

    fn command(&self) -> Command {
        let at = |name: &str| self.folder.join(name);
        let mut command = wrapped(&[self.niceness, &self.wrapper].concat(), SERVER);
        let address = if self.wrapper.is_empty() { self.host } else { "0.0.0.0" };
        command
            .env_clear()
            .env("PATH", path())
            .env("HOME", &self.folder)
            .env("LANG", "C.UTF-8")
            .env("ERL_CRASH_DUMP_BYTES", "0")
            .env("ERL_EPMD_PORT", self.epmd_port.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODENAME", format!("fm-{}@localhost", self.port))
            .env("RABBITMQ_NODE_IP_ADDRESS", address)
            .env("RABBITMQ_NODE_PORT", self.port.to_string())
            .env("RABBITMQ_DIST_PORT", self.dist_port.to_string())
            // Otherwise the first scheduler of every node is bound to the same CPU.
            .env("RABBITMQ_SCHEDULER_BIND_TYPE", "u")
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}")
            .env("RABBITMQ_CONF_ENV_FILE", at("rabbitmq-env.conf"))
            .env("RABBITMQ_CONFIG_FILE", at("rabbitmq.conf"))
            .env("RABBITMQ_CONFIG_FILES", at("conf.d"))
            .env("RABBITMQ_ADVANCED_CONFIG_FILE", at("advanced.config"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", at("enabled_plugins"))
            .env("RABBITMQ_MNESIA_BASE", &self.folder)
            .env("RABBITMQ_LOG_BASE", &self.folder)
            .env("RABBITMQ_LOGS", at("rabbitmq.log"))
            .env("RABBITMQ_PID_FILE", at("pid"))
            // The script becomes the server, so that its pid is the server's.
            .env("RUNNING_UNDER_SYSTEMD", "true")
            .current_dir(&self.folder)
            .stdin(Stdio::null());
        command
    }

    /// Stops the node in good order and starts it again. RabbitMQ writes a new declaration to disk only some time
    /// later: a kill before that loses the queue itself ("Recovering 0 queues"). After a restart the queue is on disk.
    pub fn restart(&self) {
        self.stop();
        self.start();
    }

    /// Stops the node in good order.
    pub fn stop(&self) {
        let mut node = self.node.lock().unwrap().take().expect("the broker does not run");
        node.signal("TERM");
        wait_for("the broker to end", Duration::from_secs(60), || node.child.try_wait().unwrap());
    }

    /// Sends SIGKILL.
    pub fn kill(&self) {
        let node = self.node.lock().unwrap().take();
        assert!(node.is_some(), "the broker does not run");
        drop(node);
    }

    /// Sends SIGSTOP: connections stay open, and the node answers nothing.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Sends SIGCONT.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        self.node.lock().unwrap().as_ref().expect("the broker does not run").signal(name);
    }

    /// The URL with user and password.
    pub fn url(&self) -> String {
        format!(
            "amqp://{USER}:{PASSWORD}@{}:{}/%2f?heartbeat=10&connection_timeout=5000",
            self.host, self.port
        )
    }

    /// A connection for the test itself.
    pub fn connect(&self) -> Connection {
        wait_for("a connection to the broker", Duration::from_secs(20), || self.try_connect())
    }

    fn try_connect(&self) -> Option<Connection> {
        Connection::insecure_open(&self.url()).ok()
    }

    /// Runs `rabbitmqctl` with these arguments and returns its output. It has to succeed.
    pub fn ctl(&self, arguments: &[&str]) -> String {
        let mut command = self.command();
        let environment: Vec<_> =
            command.get_envs().map(|(name, value)| (name.to_owned(), value.unwrap().to_owned())).collect();
        command = wrapped(&self.wrapper, CTL);
        let output = command.args(arguments).env_clear().envs(environment).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "rabbitmqctl {arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// The number of messages in all queues, those that are delivered and not acked included.
    pub fn messages(&self) -> usize {
        let output = self.ctl(&["--quiet", "--no-table-headers", "list_queues", "messages"]);
        output.split_whitespace().map(|number| number.parse::<usize>().unwrap()).sum()
    }

    /// What the node and its epmd have said.
    pub fn log(&self) -> String {
        let read = |name: &str| fs::read_to_string(self.folder.join(name)).unwrap_or_default();
        read("epmd") + &read("output") + &read("rabbitmq.log")
    }

    /// The process ids of the node, if it runs, and of its epmd.
    pub fn pids(&self) -> Vec<u32> {
        let node = self.node.lock().unwrap();
        node.iter().map(|ward| ward.child.id()).chain([self.epmd.child.id()]).collect()
    }
}

/// A command that begins with `wrapper`.
fn wrapped(wrapper: &[String], program: &str) -> Command {
    let mut words = wrapper.iter().map(String::as_str).chain([program]);
    let mut command = Command::new(words.next().unwrap_or(program));
    command.args(words);
    command
}

fn path() -> String {
    std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin".to_owned())
}
