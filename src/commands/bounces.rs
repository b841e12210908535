//! `fanmail bounces`: reads mails that came to the bounce address, one from standard input or all of a Maildir or an mbox. What becomes
//! of each is left to `bounces`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;

use crate::app::database;
use crate::bounces::intake::Intake;
use crate::bounces::mailbox::{Maildir, Mbox, read_stream};
use crate::commands::output::say;
use crate::config::Config;
use crate::domain::bounce_result::BounceResult;
use crate::exit_code::TRY_AGAIN;
use crate::text::count::count;

/// The long help.
const ABOUT: &str = "\
Read mails that came back, and complaints: one from standard input, or those of a mailbox

With BOUNCE_ADDRESS, mails come back to an address that says whose they are and that nobody can guess. This command reads what arrives there: an \
outcome of the ledger becomes bounced or complained, and an address that does not exist gets no further mail. Delays, absences and answers of \
calendars count as nothing. A mail that is about none of ours is counted and left alone.

From standard input, for a mail server: the exit code is 0 if the mail is taken or is not ours, and 75 (try again later) if something does not \
work, such as the database.";

/// The end of the help.
const EXAMPLES: &str = "\
Examples:
  fanmail bounces < bounce.eml
  fanmail bounces --maildir /var/mail/bounces
  fanmail bounces --mbox /var/mail/bounces.mbox";

/// Read mails that came back, and complaints
#[derive(Debug, Args)]
#[command(long_about = ABOUT, after_help = EXAMPLES)]
pub struct BouncesArgs {
    /// Read the new mails of this Maildir, and move them to its folder cur
    #[arg(long, value_name = "DIR")]
    pub maildir: Option<PathBuf>,
    /// Read all mails of this mbox; the file stays as it is
    #[arg(long, value_name = "FILE", conflicts_with = "maildir")]
    pub mbox: Option<PathBuf>,
    /// The address that the mail was delivered to, if the mail server passes it on; else it is taken from the headers
    // Any bytes, as mail servers take them: the command line would be refused, and the mail server would send a bounce.
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["maildir", "mbox"])]
    pub recipient: Option<OsString>,
}

impl BouncesArgs {
    /// Whether a mail server waits for what becomes of one mail.
    #[must_use]
    pub fn is_pipe(&self) -> bool {
        self.maildir.is_none() && self.mbox.is_none()
    }
}

/// How many mails had each result.
type Counts = BTreeMap<BounceResult, u64>;

/// Reads the mails, and prints what became of them.
///
/// # Errors
/// When a mailbox cannot be read, or the database does not answer: what was not read yet is read by the next run.
pub fn run(args: &BouncesArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let Some(address) = &config.email.bounce_address else {
        bail!("BOUNCE_ADDRESS is not set: no mail comes back to an address that fanmail knows");
    };
    let store = database::connect_existing(config)?;
    let intake = Intake::new(&store, address)?;
    if let Some(dir) = &args.maildir {
        return read_maildir(&intake, dir).map(|counts| print_counts(&counts));
    }
    if let Some(file) = &args.mbox {
        return read_mbox(&intake, file).map(|counts| print_counts(&counts));
    }
    let mail = read_stream(&mut io::stdin().lock()).context("cannot read standard input")?;
    let recipient = args.recipient.as_ref().map(|address| address.to_string_lossy());
    let result = intake.take(&mail, recipient.as_deref())?;
    say(&format!("1 mail: {}", result.as_str()));
    Ok(if result == BounceResult::NotYet { ExitCode::from(TRY_AGAIN) } else { ExitCode::SUCCESS })
}

fn read_maildir(intake: &Intake<'_>, dir: &Path) -> anyhow::Result<Counts> {
    let cannot = || format!("cannot read the Maildir {}", dir.display());
    let maildir = Maildir::open(dir).with_context(cannot)?;
    let mut counts = Counts::new();
    for file in maildir.list_new().with_context(cannot)? {
        let cannot = || format!("cannot read {}", file.display());
        let Some(mail) = Maildir::read(&file).with_context(cannot)? else { continue };
        let result = intake.take(&mail, None)?;
        *counts.entry(result).or_default() += 1;
        if result != BounceResult::NotYet {
            maildir.mark_seen(&file).with_context(|| format!("cannot move {}", file.display()))?;
        }
    }
    Ok(counts)
}

fn read_mbox(intake: &Intake<'_>, file: &Path) -> anyhow::Result<Counts> {
    let cannot = || format!("cannot read the mbox {}", file.display());
    let mails = Mbox::open(BufReader::new(File::open(file).with_context(cannot)?)).with_context(cannot)?;
    let mut counts = Counts::new();
    for mail in mails {
        let result = intake.take(&mail.with_context(cannot)?, None)?;
        *counts.entry(result).or_default() += 1;
    }
    Ok(counts)
}

fn print_counts(counts: &Counts) -> ExitCode {
    let all = count(counts.values().sum(), "mail");
    let each: Vec<String> =
        counts.iter().map(|(result, number)| format!("{number} {}", result.as_str())).collect();
    say(&if each.is_empty() { all } else { format!("{all}: {}", each.join(", ")) });
    ExitCode::SUCCESS
}
