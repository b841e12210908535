//! What a single mail is about and for whom, as `preview` and `send-test` take it: an event and a participant of the database, or
//! made-up ones.

use anyhow::{Context as _, bail};
use clap::Args;

use crate::app::database;
use crate::config::Config;
use crate::content::sample;
use crate::domain::event::Event;
use crate::domain::event_key_type::EventKeyType;
use crate::domain::event_snapshot::EventSnapshot;
use crate::domain::ids::{EventId, NotificationId, ParticipantId};
use crate::domain::installation::Installation;
use crate::domain::kind::Kind;
use crate::domain::notification_facts::NotificationFacts;
use crate::domain::participant::Participant;
use crate::store::Store;
use crate::store::error::StoreError;

/// Which event and which participant.
#[derive(Debug, Default, Args)]
pub struct SubjectArgs {
    /// Event ID in the database [default: sample data]
    #[arg(long, value_name = "ID", allow_negative_numbers = true)]
    pub event: Option<EventId>,
    /// Participant ID in the database [default: the first one of the event]
    #[arg(long, value_name = "ID", allow_negative_numbers = true, requires = "event")]
    pub participant: Option<String>,
    /// The language of the participant, such as de-AT [default: the participant's own]
    #[arg(long, value_name = "TAG")]
    pub locale: Option<String>,
}

/// What a single mail is about, and for whom.
#[derive(Debug)]
pub struct Subject {
    /// The event.
    pub event: Event,
    /// What a made-up event was before it was updated.
    pub earlier: Option<Event>,
    /// The participant.
    pub participant: Participant,
    /// Whose Message-IDs the mail has.
    pub installation: Installation,
}

impl SubjectArgs {
    /// Event and participant from the database, or made-up ones if no event is named. Of an event without participants, the
    /// participant is made up.
    ///
    /// # Errors
    /// What is not in the database, or why it does not answer.
    pub fn find(&self, config: &Config) -> anyhow::Result<Subject> {
        let mut subject = match self.event {
            Some(event_id) => from_database(event_id, self.participant.as_deref(), config)?,
            None => Subject {
                event: sample::full(),
                earlier: Some(sample::earlier()),
                participant: sample::ada(),
                installation: installation("sample".to_owned()),
            },
        };
        if let Some(locale) = &self.locale {
            subject.participant.locale = Some(locale.clone());
        }
        Ok(subject)
    }
}

impl Subject {
    /// What a mail of this kind tells of the event.
    pub fn facts(&self, kind: Kind) -> NotificationFacts {
        let earlier = self.earlier.as_ref().filter(|_| kind == Kind::Updated);
        NotificationFacts {
            previous: earlier.map(EventSnapshot::of),
            ..NotificationFacts::of_event(kind, self.event.clone())
        }
    }
}

/// All mails of it have the tag in their Message-IDs.
fn installation(tag: String) -> Installation {
    Installation { tag, untagged_up_to: NotificationId::MIN }
}

fn from_database(event_id: EventId, key: Option<&str>, config: &Config) -> anyhow::Result<Subject> {
    let store = database::connect_existing(config)?;
    let event_id = store.accept_event(event_id)?;
    let Some(event) = store.find_event(event_id)? else {
        let hint = match event_id {
            EventId::Number(id) if id > 0 && can_seed(&store)? => {
                format!("; create a made-up one with: fanmail seed --event {id}")
            }
            _ => String::new(),
        };
        bail!("event {event_id} is not in the database{hint}")
    };
    let participant = match key {
        Some(key) => participant(&store, event_id, key)?,
        None => {
            store.sample_participants(event_id, 1)?.readable.into_iter().next().unwrap_or_else(sample::ada)
        }
    };
    let tag = store.find_installation()?.tag;
    Ok(Subject { event, earlier: None, participant, installation: installation(tag) })
}

/// The participant of the event with this key.
fn participant(store: &Store, event_id: EventId, key: &str) -> anyhow::Result<Participant> {
    let found = if store.has_text_keys(Some(event_id))? {
        store.find_keyed(event_id, &[(ParticipantId(1), key.to_owned())])?
    } else {
        // Without the cause: it has Rust's words.
        let Ok(id) = key.parse() else {
            bail!("--participant {key:?}: participants of event {event_id} have whole numbers as keys")
        };
        store.read_range(event_id, id, id, 1)?
    };
    found.into_iter().next().with_context(|| {
        format!("participant {key:?} is not in the database, or does not take part in event {event_id}")
    })
}

/// Whether `fanmail seed` can make events here: not in tables or views of an application.
fn can_seed(store: &Store) -> Result<bool, StoreError> {
    Ok(store.find_views()?.is_empty()
        && store.event_key_type()? == EventKeyType::Number
        && !store.has_text_keys(None)?)
}

#[cfg(test)]
mod tests {
    use diesel::connection::SimpleConnection as _;
    use diesel::{Connection as _, SqliteConnection};

    use super::*;

    /// A database with the tables of fanmail, and another connection to it.
    fn database() -> (tempfile::TempDir, Config, SqliteConnection) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("app.db");
        let lookup = |name: &str| (name == "DATABASE_URL").then(|| path.to_str().unwrap().to_owned());
        let config = Config::from_lookup(&lookup).unwrap();
        drop(database::migrate(&config).unwrap());
        let connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
        (dir, config, connection)
    }

    fn args(event: i64, participant: Option<&str>, locale: Option<&str>) -> SubjectArgs {
        SubjectArgs {
            event: Some(EventId::Number(event)),
            participant: participant.map(str::to_owned),
            locale: locale.map(str::to_owned),
        }
    }

    #[test]
    fn seed_is_proposed_only_where_it_works() {
        let (_dir, config, mut connection) = database();
        let missing = || args(5, None, None).find(&config).unwrap_err().to_string();
        assert_eq!(
            missing(),
            "event 5 is not in the database; create a made-up one with: fanmail seed --event 5"
        );
        connection
            .batch_execute(
                "ALTER TABLE events RENAME TO meetings;
                 CREATE VIEW events AS SELECT id, title, description, location, starts_at, ends_at, timezone, url, updated_at
                    FROM meetings",
            )
            .unwrap();
        assert_eq!(missing(), "event 5 is not in the database");
    }

    #[test]
    fn a_participant_is_found_by_number_or_text() {
        let (_dir, config, mut connection) = database();
        connection
            .batch_execute(
                "INSERT INTO events (id, title) VALUES (5, 'Ball'), (6, 'Fair');
                 INSERT INTO participants (id, event_id, email, name, locale)
                    VALUES (-3, 5, 'a@example.com', 'Ann', 'de'), (4, 5, 'b@example.com', 'Bob', NULL), (7, 6, 'c@example.com', 'Cy', NULL)",
            )
            .unwrap();
        let name = |key: Option<&str>| args(5, key, None).find(&config).map(|found| found.participant.name);
        assert_eq!(name(None).unwrap(), "Ann");
        assert_eq!(name(Some("4")).unwrap(), "Bob");
        assert_eq!(name(Some("-3")).unwrap(), "Ann");
        assert_eq!(
            name(Some("7")).unwrap_err().to_string(),
            "participant \"7\" is not in the database, or does not take part in event 5"
        );
        let error = format!("{:#}", name(Some("x-1")).unwrap_err());
        assert_eq!(error, "--participant \"x-1\": participants of event 5 have whole numbers as keys");
        let found = args(5, Some("-3"), Some("fr-CH")).find(&config).unwrap();
        assert_eq!(found.participant.locale.as_deref(), Some("fr-CH"));
        assert_eq!(found.installation.tag.len(), 10);

        connection
            .batch_execute(
                "DROP TABLE participants;
                 CREATE TABLE participants (id TEXT, event_id INTEGER, email TEXT, name TEXT, locale TEXT);
                 INSERT INTO participants VALUES ('x-1', 5, 'a@example.com', 'Ann', NULL), ('x-2', 5, 'b@example.com', 'Bob', NULL)",
            )
            .unwrap();
        assert_eq!(name(Some("x-2")).unwrap(), "Bob");
        assert!(name(Some("x-3")).is_err());
    }

    #[test]
    fn without_an_event_everything_is_made_up() {
        let config = Config::from_lookup(&|_| None).unwrap();
        let found = SubjectArgs::default().find(&config).unwrap();
        assert_eq!((&found.event, &found.participant), (&sample::full(), &sample::ada()));
        assert_eq!(found.facts(Kind::Updated).previous, Some(EventSnapshot::of(&sample::earlier())));
        assert_eq!(found.facts(Kind::Created).previous, None);
    }
}
