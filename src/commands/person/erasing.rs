//! `fanmail person erase`.

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use serde_json::json;

use crate::commands::arguments::Format;
use crate::commands::output::{print_json, say};
use crate::commands::person::arguments::PersonArgs;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::person::erasing::{ErasureRun, PLACES_PER_STEP};
use crate::store::person::erasures::{Erased, ErasedRows};
use crate::store::person::mentions::MentionTable;
use crate::store::person::{Person, Place, START};
use crate::text::count::count;

/// Longest name of who runs it, in characters.
const LONGEST_NAME: usize = 255;

/// Arguments of `person erase`.
#[derive(Debug, Args)]
pub struct EraseArgs {
    /// Whom.
    #[command(flatten)]
    pub person: PersonArgs,
    /// Only show what would be erased
    #[arg(long)]
    pub dry_run: bool,
    /// Who runs it, or for which request: kept in the log of erasures, so not the name of the person
    #[arg(long, value_name = "WHO", value_parser = parse_name)]
    pub by: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

fn parse_name(name: &str) -> Result<String, String> {
    let name = name.trim();
    let is_good =
        !name.is_empty() && name.chars().count() <= LONGEST_NAME && !name.contains(char::is_control);
    if is_good {
        Ok(name.to_owned())
    } else {
        Err(format!("expected 1 to {LONGEST_NAME} characters on one line"))
    }
}

/// Erases, and prints what it has erased. The exit code is 1 when something was left.
///
/// # Errors
/// When it is no address, or the database does not answer. What was erased until then stays erased.
pub fn erase(args: &EraseArgs, store: &Store) -> anyhow::Result<ExitCode> {
    let person = args.person.find(store)?;
    if args.by.as_deref().is_some_and(|by| person.address.is_in(by)) {
        bail!("--by has the address in it, and the log of erasures must not");
    }
    let (run, mut erased) = store.begin_erasure(&person, args.by.as_deref(), args.dry_run)?;
    erased += erase_all(store, &person, run)?;
    if erased.left == 0 {
        store.end_erasure(run)?;
    }
    match args.format {
        Format::Table => lines(args.dry_run, &person, erased).iter().for_each(|line| say(line)),
        Format::Json => print_json(&to_json(args.dry_run, &person, erased))?,
    }
    Ok(if erased.left == 0 || args.dry_run { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The lists of recipients last: while the person is on them, another run finds the same again.
fn erase_all(store: &Store, person: &Person, run: ErasureRun) -> Result<Erased, StoreError> {
    let mut erased = Erased::default();
    let mut after = 0;
    loop {
        let (more, last) = store.erase_outbox_rows(run, person, after)?;
        erased += more;
        let Some(last) = last else { break };
        after = last;
    }
    // Behind the outbox: a worker may have taken a row of it meanwhile.
    let found = store.find_places(person)?;
    for table in MentionTable::ALL {
        let mut after = START;
        loop {
            let is_own = |place: &Place| found.own.contains(place);
            let (more, last) = store.erase_mentions(run, person, table, after, is_own)?;
            erased += more;
            let Some(last) = last else { break };
            after = last;
        }
    }
    let step = |places: &BTreeSet<Place>, erase: &dyn Fn(&[Place]) -> Result<Erased, StoreError>| {
        let places: Vec<Place> = places.iter().copied().collect();
        places.chunks(PLACES_PER_STEP).try_fold(Erased::default(), |mut sum, places| {
            sum += erase(places)?;
            Ok::<_, StoreError>(sum)
        })
    };
    erased += step(&found.others, &|places| store.erase_in_others(run, person, places))?;
    erased += step(&found.own, &|places| store.erase_places(run, places))?;
    Ok(erased)
}

fn lines(dry_run: bool, person: &Person, Erased { rows, left }: Erased) -> Vec<String> {
    let verb = if dry_run { "would erase" } else { "erased" };
    let ErasedRows { outcomes, recipients, notifications, suppressions, outbox_rows } = rows;
    let mut lines = vec![if rows == ErasedRows::default() {
        format!("{verb} nothing: no row has the address, or a key that the application has for it")
    } else {
        format!(
            "{verb} the words of {}, {} of lists of recipients, texts of {}, the address of {}, {} of the outbox",
            count(outcomes, "outcome"),
            count(recipients, "row"),
            count(notifications, "notification"),
            count(suppressions, "suppression"),
            count(outbox_rows, "row")
        )
    }];
    if !dry_run {
        lines.push(
            "the address gets no mail from now on; to send to it again: fanmail suppressions remove ADDRESS"
                .to_owned(),
        );
    }
    if left > 0 {
        lines.push(format!(
            "left {}: a worker is sending their notification, their message may come again, or the outbox has them to be taken; \
             run the same command again when that is over",
            count(left, "row")
        ));
    }
    let (participants, users) = (person.participants.len() as u64, person.users.len() as u64);
    if participants + users > 0 {
        lines.push(format!(
            "the application has the address in {} of participants and {} of users, which fanmail does not write: delete it there, too",
            count(participants, "row"),
            count(users, "row")
        ));
    }
    lines
}

fn to_json(dry_run: bool, person: &Person, Erased { rows, left }: Erased) -> serde_json::Value {
    let ErasedRows { outcomes, recipients, notifications, suppressions, outbox_rows } = rows;
    json!({
        "dry_run": dry_run,
        "address_hash": person.hash.to_string(),
        "outcomes": outcomes,
        "recipients": recipients,
        "notifications": notifications,
        "suppressions": suppressions,
        "outbox_rows": outbox_rows,
        "left": left,
        "rows_of_application": {"participants": person.participants.len(), "users": person.users.len()},
    })
}
