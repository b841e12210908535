//! Low niceness (nice(1)), for processes whose pauses matter to a test: they run before what else the machine does.

use std::process::Command;
use std::sync::OnceLock;

/// The beginning of a command that gets it. Empty where only root may do so.
pub fn low() -> &'static [String] {
    static WORDS: OnceLock<Vec<String>> = OnceLock::new();
    WORDS.get_or_init(|| {
        let words = ["nice", "-n", "-10"].map(str::to_owned);
        // The inner one says the niceness that it has. The outer one only warns when it may not lower it.
        let said = Command::new(&words[0]).args(&words[1..]).arg("nice").output();
        let said = said.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        if said.is_ok_and(|niceness| niceness.starts_with('-')) { words.to_vec() } else { Vec::new() }
    })
}
