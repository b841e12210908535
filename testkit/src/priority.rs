//! Priority over what else runs on this machine, for processes whose pauses matter to a test.

use std::process::Command;
use std::sync::OnceLock;

/// The beginning of a command that has priority. Empty where only root may give it.
pub fn wrapper() -> &'static [String] {
    static WORDS: OnceLock<Vec<String>> = OnceLock::new();
    WORDS.get_or_init(|| {
        let words = ["nice", "-n", "-10"].map(str::to_owned);
        // `nice` alone says the niceness that it has. Without the right to change it, the first one only warns.
        let said = Command::new(&words[0]).args(&words[1..]).arg("nice").output();
        let said = said.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        if said.is_ok_and(|niceness| niceness.starts_with('-')) { words.to_vec() } else { Vec::new() }
    })
}
