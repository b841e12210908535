//! A network that a test can cut: a broker behind two links, of which one is cut for a while. Packets are lost then, and
//! neither end is told. So no connection is reset, and only missing heartbeats show that the other end cannot be
//! reached.
//!
//! The test runs in a network namespace of its own, and the broker in a second one. Both are gone when their last
//! process has ended, and the links with them; the network of the machine is never touched.

use std::fs;
use std::process::Command;

use crate::cleanup::ChildGuard;
use crate::wait::wait_until;

/// Set in the copy of the test process that is in a network namespace of its own.
const VARIABLE: &str = "FANMAIL_TEST_NETWORK";
/// The address of the broker on the link that can be cut.
const CUT_LINK: &str = "10.77.0.2";
/// The address of the broker on the link that always works.
const SAFE_LINK: &str = "10.77.1.2";

/// Two links to a network namespace.
pub struct Network {
    /// A process that does nothing but keep the namespace.
    holder: ChildGuard,
}

/// Runs `test` with a network. `name` is the name of the calling test: the function runs that test again in a copy of
/// this process, in a network namespace of its own. Where there can be none, it prints that the test was skipped.
pub fn with_network(name: &str, test: impl FnOnce(&Network)) {
    if std::env::var_os(VARIABLE).is_some() {
        return test(&Network::create());
    }
    let isolated = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--net", "sh", "-c", &format!("ip link set lo up && {script}"), "sh"]);
        command.env(VARIABLE, "1");
        command
    };
    let allowed = isolated("ip link add fanmail0 type veth peer name fanmail1").output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        eprintln!(
            "{name}: left out, because only root can make a network, with iproute2, and not in every container"
        );
        return;
    }
    let this = std::env::current_exe().unwrap();
    let copy = ["--exact", name, "--nocapture"];
    let mut copy = ChildGuard::spawn(isolated("exec \"$@\"").arg(this).args(copy));
    let status = copy.child.wait().unwrap();
    assert!(status.success(), "the copy of {name} with a network failed ({status}); its output is above");
}

impl Network {
    fn create() -> Self {
        let holder = ChildGuard::spawn(Command::new("unshare").args(["--net", "sleep", "infinity"]));
        let namespace = format!("/proc/{}/ns/net", holder.child.id());
        let ours = fs::read_link("/proc/self/ns/net").unwrap();
        wait_until("the second network namespace", || {
            fs::read_link(&namespace).is_ok_and(|theirs| theirs != ours)
        });
        let network = Self { holder };
        network.inside(&["ip", "link", "set", "lo", "up"]);
        for (link, address) in [("cut", CUT_LINK), ("safe", SAFE_LINK)] {
            network.create_link(link, address);
        }
        network
    }

    /// A link whose ends have the same name. The other end has the address 10.77.x.1.
    fn create_link(&self, link: &str, address: &str) {
        let (pid, near) = (self.holder.child.id().to_string(), address.replace(".2", ".1"));
        run(&["ip", "link", "add", link, "type", "veth", "peer", "name", link, "netns", &pid]);
        run(&["ip", "address", "add", &format!("{near}/30"), "dev", link]);
        run(&["ip", "link", "set", link, "up"]);
        self.inside(&["ip", "address", "add", &format!("{address}/30"), "dev", link]);
        self.inside(&["ip", "link", "set", link, "up"]);
    }

    /// Where workers reach the broker while the network is not cut.
    pub fn cut_address(&self) -> &'static str {
        CUT_LINK
    }

    /// Where the broker can always be reached.
    pub fn safe_address(&self) -> &'static str {
        SAFE_LINK
    }

    /// From now on, all packets are lost on the link that can be cut.
    pub fn cut(&self) {
        self.inside(&["ip", "link", "set", "cut", "down"]);
    }

    /// The link works again.
    pub fn heal(&self) {
        self.inside(&["ip", "link", "set", "cut", "up"]);
    }

    /// The beginning of a command that runs in the namespace behind the links.
    pub fn wrapper(&self) -> Vec<String> {
        vec!["nsenter".to_owned(), format!("--net=/proc/{}/ns/net", self.holder.child.id())]
    }

    fn inside(&self, command: &[&str]) {
        let words: Vec<String> =
            self.wrapper().into_iter().chain(command.iter().map(|word| (*word).to_owned())).collect();
        run(&words.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

fn run(command: &[&str]) {
    let output = Command::new(command[0]).args(&command[1..]).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
