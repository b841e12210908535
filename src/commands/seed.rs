//! `fanmail seed`: creates an event with made-up participants. Writes only to tables that fanmail created.

mod people;

use std::process::ExitCode;

use anyhow::bail;
use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use clap::Args;
use indicatif::ProgressBar;

use crate::app::database;
use crate::commands::arguments::own_tables_only;
use crate::config::Config;
use crate::domain::event_key_type::EventKeyType;
use crate::domain::ids::EventId;
use crate::domain::participant::Participant;
use crate::store::Store;
use crate::store::source::new_rows::NewEvent;
use crate::text::count::count;

/// Create an event with made-up participants, to try things out
///
/// Only writes to tables that fanmail created, never to views over tables of your own. Refuses an event that has other
/// participants, unless --yes is given.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  fanmail seed --event 123 --participants 1000")]
pub struct SeedArgs {
    /// Event ID; created if missing
    #[arg(long, value_name = "ID", value_parser = parse_event)]
    pub event: i64,
    /// Number of participants after the command; existing participants are counted
    #[arg(long, value_name = "N", default_value_t = 250)]
    pub participants: u32,
    /// Also if the event has participants that seed has not made
    #[arg(long)]
    pub yes: bool,
}

fn parse_event(text: &str) -> Result<i64, String> {
    text.parse().ok().filter(|id| *id > 0).ok_or_else(|| {
        "expected a whole number from 1 on; seed makes no other keys. For keys that are text or UUIDs, add events to your own \
         tables"
            .to_owned()
    })
}

/// Participants in one transaction: few enough that a running worker does not wait long, many enough to be fast.
const BATCH: u32 = 1000;

/// Creates the tables, the event and the participants that are missing.
///
/// # Errors
/// What failed, and why.
pub fn run(args: &SeedArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let (store, _) = database::migrate(config)?;
    let seeded = seed(&store, args, Utc::now())?;
    if seeded.new_event {
        println!("Added event {}.", args.event);
    }
    println!(
        "Event {} has {} participants, {} of them new.",
        args.event,
        seeded.before + u64::from(seeded.added),
        seeded.added
    );
    Ok(ExitCode::SUCCESS)
}

/// What `seed` found and did.
#[derive(Debug, PartialEq, Eq)]
struct Seeded {
    new_event: bool,
    before: u64,
    added: u32,
}

fn seed(store: &Store, args: &SeedArgs, now: DateTime<Utc>) -> anyhow::Result<Seeded> {
    if let Some(view) = store.find_views()?.first() {
        bail!(
            "`{view}` is a view over tables of your own, and `fanmail seed` writes only to tables that fanmail created; \
             set DATABASE_URL to another database, for example to a new SQLite file"
        );
    }
    if store.event_key_type()? != EventKeyType::Number {
        bail!(
            "the keys of your events are text, and `fanmail seed` makes numbers; set DATABASE_URL to another database, for \
             example to a new SQLite file"
        );
    }
    if store.has_text_keys(None)? {
        bail!("{}", own_tables_only("seed"));
    }
    if !args.yes {
        refuse_real_people(store, args.event)?;
    }
    let new_event = store.add_event(&made_up_event(args.event, now))?;
    let before = store.count_participants(EventId::Number(args.event))?;
    let missing = u32::try_from(before).map_or(0, |before| args.participants.saturating_sub(before));
    // Shown at a terminal only.
    let bar = ProgressBar::new(missing.into());
    let mut added = 0;
    while added < missing {
        let batch = BATCH.min(missing - added);
        store.add_participants(batch, |n| people::made_up(n, args.event))?;
        added += batch;
        bar.inc(batch.into());
    }
    bar.finish_and_clear();
    Ok(Seeded { new_event, before, added })
}

/// Refuses an event with a participant whose address was not made up here: a notification mails both kinds alike.
fn refuse_real_people(store: &Store, event: i64) -> anyhow::Result<()> {
    let is_real = |person: &Participant| !person.email.as_deref().is_some_and(people::is_made_up);
    let mut real = 0;
    let count_real = |page: Vec<Participant>| real += page.iter().filter(|person| is_real(person)).count();
    store.for_each_page(EventId::Number(event), count_real)?;
    if real == 0 {
        return Ok(());
    }
    bail!(
        "event {event} has {} that `fanmail seed` has not made, and a notification would be mailed to them and to the \
         made-up ones alike; choose another event, or add --yes",
        count(real as u64, "participant")
    )
}

/// In the evening, two weeks from `now`.
fn made_up_event(id: i64, now: DateTime<Utc>) -> NewEvent {
    let day = (now + TimeDelta::days(14)).date_naive().and_time(NaiveTime::MIN);
    NewEvent {
        id,
        title: "Lantern Evening in the Botanical Garden".to_owned(),
        description: "A walk among lights and late flowers, with a string quartet in the palm house and \
                      something warm to drink. Children are welcome."
            .to_owned()
            .into(),
        location: Some("Botanischer Garten, Königin-Luise-Straße 6–8, 14195 Berlin".to_owned()),
        starts_at: Some(day + TimeDelta::hours(18)),
        ends_at: Some(day + TimeDelta::hours(21)),
        timezone: "Europe/Berlin".to_owned(),
        url: Some(format!("https://example.com/events/{id}")),
        updated_at: Some(now.naive_utc()),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_key_of_an_event_is_a_whole_number_from_1_on() {
        assert_eq!(parse_event("123"), Ok(123));
        for text in ["0", "-1", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "9223372036854775808", ""] {
            assert!(parse_event(text).unwrap_err().contains("seed makes no other keys"), "{text}");
        }
    }

    use std::collections::HashSet;

    use super::*;
    use crate::config::database::Backend;
    use crate::config::database::DatabaseConfig;
    use crate::domain::event::DateOrTime;
    use crate::domain::ids::ParticipantId;
    use crate::store::source::new_rows::NewParticipant;

    fn args(participants: u32) -> SeedArgs {
        SeedArgs { event: 123, participants, yes: false }
    }

    fn empty_database() -> (tempfile::TempDir, Store) {
        let dir = tempfile::TempDir::new().unwrap();
        let config = DatabaseConfig {
            backend: Backend::Sqlite(dir.path().join("test.db")),
            echo: false,
            default_file: None,
        };
        let store = Store::connect(&config, 1).unwrap();
        (dir, store)
    }

    #[test]
    fn seed_adds_what_is_missing() {
        let (_dir, store) = empty_database();
        store.migrate().unwrap();
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let seeded = |new_event, before, added| Seeded { new_event, before, added };
        assert_eq!(seed(&store, &args(250), now).unwrap(), seeded(true, 0, 250));
        assert_eq!(seed(&store, &args(2250), now).unwrap(), seeded(false, 250, 2000));
        assert_eq!(seed(&store, &args(10), now).unwrap(), seeded(false, 2250, 0));

        let event = store.find_event(EventId::Number(123)).unwrap().unwrap();
        let [starts_at, ends_at] = [event.starts_at, event.ends_at].map(|moment| match moment {
            Some(DateOrTime::Time(time)) => time,
            other => panic!("{other:?}"),
        });
        assert!(starts_at > now && ends_at > starts_at);
        assert_eq!(event.timezone.parse(), Ok(chrono_tz::Europe::Berlin));

        let people = store.read_page(EventId::Number(123), None, ParticipantId::MAX, 3000).unwrap();
        assert_eq!(people.len(), 2250);
        let addresses: HashSet<_> = people.iter().map(|person| person.email.clone().unwrap()).collect();
        assert_eq!(addresses.len(), 2250);
        for address in addresses {
            address.parse::<lettre::Address>().unwrap();
            assert!(address.ends_with("@example.com") || address.ends_with("@example.org"));
        }
    }

    #[test]
    fn seed_refuses_an_event_with_other_people() {
        let (_dir, store) = empty_database();
        store.migrate().unwrap();
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        seed(&store, &args(1500), now).unwrap();
        let ann = |_| NewParticipant {
            event_id: 123,
            email: "ann.1501@example.com".to_owned(),
            name: "Ann".to_owned(),
            locale: None,
        };
        store.add_participants(1, ann).unwrap();
        let error = seed(&store, &args(2000), now).unwrap_err().to_string();
        insta::assert_snapshot!(error, @"event 123 has 1 participant that `fanmail seed` has not made, and a notification would be mailed to them and to the made-up ones alike; choose another event, or add --yes");
        let other = SeedArgs { event: 124, ..args(1) };
        assert_eq!(seed(&store, &other, now).unwrap().added, 1);
        assert_eq!(seed(&store, &SeedArgs { yes: true, ..args(2000) }, now).unwrap().added, 499);
    }

    #[test]
    fn seed_refuses_views() {
        use diesel::{Connection, SqliteConnection, connection::SimpleConnection};
        let (dir, store) = empty_database();
        let path = dir.path().join("test.db");
        SqliteConnection::establish(path.to_str().unwrap())
            .unwrap()
            .batch_execute("CREATE VIEW participants AS SELECT 1 AS id, 123 AS event_id")
            .unwrap();
        let error = seed(&store, &args(1), Utc::now()).unwrap_err().to_string();
        assert!(error.starts_with("`participants` is a view"), "{error}");
    }
}
