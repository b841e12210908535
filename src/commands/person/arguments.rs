//! Whom a verb is about: an address, from the command line or from standard input, where no list of processes shows it.

use std::io::{self, BufRead, IsTerminal as _, Read as _};

use anyhow::{Context as _, bail};
use clap::Args;

use crate::domain::address::parse;
use crate::domain::address_hash::{AddressHash, normalized};
use crate::domain::written_address::WrittenAddress;
use crate::store::Store;
use crate::store::person::{FormerKeys, Person};

/// Most bytes that are read from standard input.
const LONGEST_INPUT: u64 = 4096;

/// Whom it is about.
#[derive(Debug, Args)]
pub struct PersonArgs {
    /// Mail address, alone and without a name; - reads it from standard input, so that no list of processes and no history has it
    #[arg(value_name = "ADDRESS")]
    pub address: String,
    /// Also the mails to this key of participants, in every event: for rows that the application has deleted already; may be repeated
    #[arg(long = "key", value_name = "KEY")]
    pub keys: Vec<String>,
    /// The same of users, whose keys are others
    #[arg(long = "user-key", value_name = "KEY")]
    pub user_keys: Vec<String>,
}

impl PersonArgs {
    /// The person, with the keys that the application has for the address now.
    ///
    /// # Errors
    /// When it is no address, or the database does not answer. The error does not repeat the address.
    pub fn find(&self, store: &Store) -> anyhow::Result<Person> {
        let (address, hash) = read(&self.address, store)?;
        for (option, keys) in [("--key", &self.keys), ("--user-key", &self.user_keys)] {
            if keys.iter().any(|key| key.trim().is_empty()) {
                bail!("{option} is empty");
            }
        }
        let keys = FormerKeys { participants: self.keys.clone(), users: self.user_keys.clone() };
        Ok(store.find_person(address, hash, keys)?)
    }
}

/// The address, and its hash.
///
/// # Errors
/// When it is no address, or the database does not answer.
pub fn read(address: &str, store: &Store) -> anyhow::Result<(WrittenAddress, AddressHash)> {
    let address = if address == "-" {
        let input = io::stdin();
        let is_typed = input.is_terminal();
        one_line(input.lock(), is_typed)?
    } else {
        address.to_owned()
    };
    let Some(normalized) = normalized(&address) else { bail!(why_none(&address)) };
    let key = store.address_key().context("cannot hash the address")?;
    Ok((WrittenAddress::new(&normalized), key.hash_normalized(&normalized)))
}

/// The only line of the input that is not blank. What is typed ends with the line.
fn one_line(mut input: impl BufRead, is_typed: bool) -> anyhow::Result<String> {
    let mut text = String::new();
    let cannot = "cannot read the address from standard input";
    if is_typed {
        input.read_line(&mut text).context(cannot)?;
    } else {
        input.take(LONGEST_INPUT + 1).read_to_string(&mut text).context(cannot)?;
    }
    if text.len() as u64 > LONGEST_INPUT {
        bail!("standard input is longer than one address");
    }
    let mut lines = text.trim_start_matches('\u{feff}').lines().filter(|line| !line.trim().is_empty());
    match (lines.next(), lines.next()) {
        (Some(line), None) => Ok(line.to_owned()),
        (None, _) => bail!("standard input has no address"),
        (Some(_), Some(_)) => bail!("standard input has several lines; give one address at a time"),
    }
}

/// Why it is no address, without repeating it.
fn why_none(address: &str) -> String {
    let reason = parse(address).err().map(|error| error.to_string()).unwrap_or_default();
    let hint = if address.contains('<') {
        "; give the address alone, without a name and angle brackets"
    } else if address.contains([',', ';', ' ']) || address.matches('@').count() > 1 {
        "; give one address at a time"
    } else {
        ""
    };
    format!("{reason}{hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_input(text: &str) -> Result<String, String> {
        one_line(text.as_bytes(), false).map_err(|error| error.to_string())
    }

    #[test]
    fn one_address_is_read_from_standard_input() {
        assert_eq!(read_input("\u{feff}ada@example.org\r\n\n"), Ok("ada@example.org".to_owned()));
        assert_eq!(one_line(&b"ada@example.org\nmore"[..], true).unwrap(), "ada@example.org");
        for (text, reason) in [
            ("", "standard input has no address"),
            ("\n \n", "standard input has no address"),
            ("a@example.org\nb@example.org", "standard input has several lines; give one address at a time"),
            (&"a".repeat(5000), "standard input is longer than one address"),
        ] {
            assert_eq!(read_input(text), Err(reason.to_owned()));
        }
        assert!(one_line(&b"\xff@example.org"[..], false).is_err());
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_it() {
        for (text, reason) in [
            ("", "the address is empty"),
            ("secret", "the address has no @"),
            (
                "Ada <secret@example.org>",
                "the address has spaces; give the address alone, without a name and angle brackets",
            ),
            (
                "a@example.org,secret@example.org",
                "the address has more than one @; give one address at a time",
            ),
            ("a@example.org secret@example.org", "the address has spaces; give one address at a time"),
        ] {
            assert_eq!(why_none(text), reason);
        }
    }
}
