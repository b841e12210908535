//! `fanmail failures`: why mails did not arrive, grouped by the words of the relay, or the full list of them. What it prints is made in
//! `report`, the list in `addresses`.

use std::process::ExitCode;

use clap::Args;

use crate::app::database;
use crate::commands::arguments::Format;
use crate::commands::output::{print_text, screen};
use crate::config::Config;
use crate::domain::ids::{EventId, NotificationId};
use crate::report::failures::advice::advice;
use crate::report::failures::text::to_text;
use crate::report::failures::{self, Code, FailureFilter};
use crate::store::Store;

mod addresses;

/// Show why mails did not arrive, grouped by the words of the relay
///
/// Shows mails that failed, that came back (bounced), and that are deferred: how many, the reply code, temporary or permanent, in which
/// notifications, and some examples with masked addresses. What differs from mail to mail in the words of the relay is left out: addresses,
/// ids, numbers and times.
///
/// With --addresses, it lists each of these mails with its address and its reason instead.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fanmail failures
  fanmail failures --notification 72
  fanmail failures --code 5.1.1 --addresses")]
pub struct FailuresArgs {
    /// Only those of this notification
    #[arg(long, value_name = "N")]
    pub notification: Option<NotificationId>,
    /// Only those of the notifications of this event
    #[arg(long, value_name = "ID", allow_negative_numbers = true, conflicts_with = "notification")]
    pub event: Option<EventId>,
    /// Only those with this reply code, such as 550, or this enhanced status code, such as 5.1.1
    #[arg(long, value_name = "CODE")]
    pub code: Option<Code>,
    /// List all of them, with addresses
    #[arg(long)]
    pub addresses: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Prints the groups, or the list. What to do about them is printed on standard error.
///
/// # Errors
/// When there is no such notification or event, or when the database does not answer.
pub fn run(args: &FailuresArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let store = database::connect_existing(config)?;
    let filter = filter(args, &store)?;
    if args.addresses {
        addresses::print(&store, &filter, args.format)?;
        return Ok(ExitCode::SUCCESS);
    }
    let groups = failures::read(&store, &filter)?;
    match args.format {
        Format::Json => print_text(&(serde_json::to_string_pretty(&groups)? + "\n"))?,
        Format::Table => {
            print_text(&to_text(&groups, args.code.as_ref(), screen()))?;
            for line in advice(&groups) {
                eprintln!("{line}");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn filter(args: &FailuresArgs, store: &Store) -> anyhow::Result<FailureFilter> {
    let notifications = match (args.notification, args.event) {
        (Some(id), _) if store.find_notification(id)?.is_none() => {
            anyhow::bail!("there is no notification {id}; list them with: fanmail status")
        }
        (Some(id), _) => Some(vec![id]),
        (None, Some(event)) => {
            let records = store.list_notifications(Some(store.accept_event(event)?))?;
            if records.is_empty() {
                anyhow::bail!("no notification is about event {event}; list them with: fanmail status");
            }
            Some(records.iter().map(|record| record.notification.id).collect())
        }
        (None, None) => None,
    };
    Ok(FailureFilter { notifications, code: args.code.clone() })
}
