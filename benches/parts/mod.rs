//! The inner parts of a mail, each with what it needs, so that a bench can run it many times. What is measured, and
//! how, is up to the benches.

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};
use fanmail::channels::email::compose::Composer;
use fanmail::channels::email::compose::notification_headers::NotificationHeaders;
use fanmail::channels::email::compose::unsubscribe_links::UnsubscribeLinks;
use fanmail::channels::email::compose::wire_format::DotStuffed;
use fanmail::channels::email::mail::Mail;
use fanmail::channels::email::signing::Signing;
use fanmail::config::Config;
use fanmail::config::content::ContentConfig;
use fanmail::config::database::{Backend, DatabaseConfig};
use fanmail::config::email::reach::Reach;
use fanmail::config::email::unsubscribe::{UnsubscribeConfig, UnsubscribeUrl};
use fanmail::config::email::webhooks::WebhookConfig;
use fanmail::config::email::{EmailConfig, Route};
use fanmail::config::secret::Secret;
use fanmail::content::renderer::{NotificationContext, Templates};
use fanmail::content::sample;
use fanmail::domain::address_hash::AddressKey;
use fanmail::domain::content::Content;
use fanmail::domain::event::{DateOrTime, Event};
use fanmail::domain::ids::{EventId, NotificationId, ParticipantId};
use fanmail::domain::installation::Installation;
use fanmail::domain::kind::Kind;
use fanmail::domain::lease::Lease;
use fanmail::domain::message::Message;
use fanmail::domain::message::identity::Identity;
use fanmail::domain::notification_facts::NotificationFacts;
use fanmail::domain::outcome::{Outcome, Verdict};
use fanmail::domain::participant::Participant;
use fanmail::domain::session::{AckWriting, BrokerSession, Receipt};
use fanmail::store::Store;
use fanmail::store::ledger::leases::LeaseRequest;
use fanmail::store::ledger::opening::{Arrival, Opened, Watermarks};
use fanmail::store::source::new_rows::{NewEvent, NewParticipant};
use tempfile::TempDir;
use testkit::dkim::TestKey;

/// A message as publishers send it.
pub const BODY: &[u8] = br#"{"type":"UPDATED","event_id":123}"#;

/// The default number of participants of a page.
pub const PAGE: u32 = 100;

/// The id of the event in the database.
const EVENT: EventId = EventId::Number(123);

/// What a lane does for a mail before it talks to the relay, always for the same participant.
pub struct Mails {
    templates: Templates,
    notification_context: NotificationContext,
    composer: Composer,
    headers: NotificationHeaders,
    participant: Participant,
}

impl Mails {
    /// With the built-in templates.
    pub fn new() -> Self {
        let config = EmailConfig {
            route: Route::Dummy { outbox: None },
            from_email: "events@sender.example".to_owned(),
            from_name: "Test Events".to_owned(),
            reply_to: None,
            bounce_address: None,
            connections: 1,
            rate: None,
            reach: Reach::default(),
            dkim: None,
            unsubscribe: None,
            webhooks: WebhookConfig::default(),
        };
        let templates = Templates::load(&ContentConfig::default()).unwrap();
        let notification_context =
            templates.notification_context(&NotificationFacts::of_event(Kind::Updated, event())).unwrap();
        let installation = Installation { tag: "8e9703b916".to_owned(), untagged_up_to: NotificationId(0) };
        let links = UnsubscribeConfig {
            url: UnsubscribeUrl::parse("https://events.example.org/unsubscribe").unwrap(),
            secrets: vec![Secret::new("0123456789abcdef0123456789abcdef".to_owned())],
        };
        let links = UnsubscribeLinks::new(&links);
        let composer = Composer::new(&config, &installation).with_links(Some(links));
        let headers = NotificationHeaders::new(NotificationId(1), Kind::Updated, Some(EVENT));
        Self { templates, notification_context, composer, headers, participant: sample::ada() }
    }

    /// Renders the templates.
    pub fn render(&self) -> Content {
        self.templates.render(&self.notification_context, &self.participant).unwrap()
    }

    /// Makes the link that unsubscribes. The other parts have none.
    pub fn link(&self) -> String {
        let address = self.participant.email.as_deref().unwrap();
        let hash = AddressKey::sample().hash(address);
        self.composer.unsubscribe_link(&self.headers, &self.participant, hash).unwrap()
    }

    /// Composes a mail of its content.
    pub fn compose(&mut self, content: Content) -> Mail {
        let address = self.participant.email.as_deref().unwrap();
        self.composer.compose(&self.headers, &self.participant, address, content, moment()).unwrap()
    }
}

/// Signs mails with DKIM.
pub struct SignedMails {
    mail: Mail,
    signing: Signing,
}

impl SignedMails {
    /// With this key.
    pub fn new(key: &TestKey) -> Self {
        let mut mails = Mails::new();
        let mail = mails.compose(mails.render());
        let lookup = |name: &str| match name {
            "FROM_EMAIL" => Some("events@sender.example".to_owned()),
            "DKIM_SELECTOR" => Some(key.selector.to_owned()),
            "DKIM_PRIVATE_KEY" => Some(key.private.clone()),
            _ => None,
        };
        let config = Config::from_lookup(&lookup).unwrap();
        Self { mail, signing: Signing::new(&config.email).unwrap() }
    }

    /// Signs a copy of a mail.
    pub fn sign(&mut self) -> Mail {
        let mut mail = self.mail.clone();
        self.signing.sign(&mut mail, moment()).unwrap();
        mail
    }
}

/// Converts a mail to the form that goes over the wire.
pub fn stuff(content: &str) -> String {
    let mut stuffed = DotStuffed::with_capacity(content.len() + 64);
    stuffed.lines(content);
    stuffed.finish().0
}

/// A SQLite file with one event, its participants, and a leased notification.
pub struct Tables {
    store: Store,
    lease: Lease,
    /// The id of the last participant on the last page.
    read: ParticipantId,
    /// The id of the last participant with an outcome.
    decided: ParticipantId,
    _dir: TempDir,
}

impl Tables {
    /// Tables with this number of participants.
    pub fn with(participants: u32) -> Self {
        let dir = TempDir::new_in(Path::new(env!("CARGO_TARGET_TMPDIR"))).unwrap();
        let config = DatabaseConfig {
            backend: Backend::Sqlite(dir.path().join("bench.db")),
            echo: false,
            default_file: None,
        };
        let store = Store::connect(&config, 1).unwrap();
        store.migrate().unwrap();
        store.add_event(&new_event()).unwrap();
        for _ in 0..participants / 1000 {
            store.add_participants(1000, participant).unwrap();
        }
        let lease_request = LeaseRequest { owner: "bench".to_owned(), term: Duration::from_secs(3600) };
        let lease = open(&store, &lease_request);
        Self { store, lease, read: ParticipantId(0), decided: ParticipantId(0), _dir: dir }
    }

    /// Reads the next page; after the last page, the first one.
    pub fn read_page(&mut self) -> Vec<Participant> {
        let page = self.store.read_page(EVENT, self.read, ParticipantId::MAX, PAGE).unwrap();
        assert!(!page.is_empty() || self.read > ParticipantId(0), "there are no participants");
        self.read = page.last().map_or(ParticipantId(0), |last| last.id);
        page
    }

    /// The outcomes of the next participants, not recorded yet.
    pub fn outcomes(&mut self, count: u16) -> Vec<Outcome> {
        let first = self.decided.0 + 1;
        self.decided.0 += i64::from(count);
        (first..=self.decided.0).map(|id| sent(self.lease, ParticipantId(id))).collect()
    }

    /// Commits outcomes in one transaction.
    pub fn record(&self, outcomes: &[Outcome]) {
        let refused = self.store.record_outcomes(outcomes).unwrap();
        assert!(refused.is_empty(), "the lease is lost");
    }
}

/// Opens a notification of the event.
fn open(store: &Store, lease_request: &LeaseRequest) -> Lease {
    let session = BrokerSession {
        worker: lease_request.owner.clone(),
        number: 1,
        queue: "events".to_owned(),
        follows_restart: false,
        ack_writing: AckWriting::Soon,
    };
    let arrival = Arrival {
        receipt: Receipt { session: session.number, tag: 1 },
        message: Message::new(Kind::Updated, EVENT),
        identity: Identity::default(),
        starts_at_once: true,
        refusal: None,
        asked_at: None,
        traceparent: None,
    };
    let opened = store.open_messages(&session, &[arrival], lease_request, &mut Watermarks::new()).unwrap();
    let [Opened::Ours { lease, .. }] = opened[..] else {
        panic!("another worker has the lease: {opened:?}");
    };
    lease
}

fn sent(lease: Lease, participant_id: ParticipantId) -> Outcome {
    Outcome { lease, participant_id, attempts: 1, deferrals: 0, verdict: Verdict::Sent(None) }
}

/// The sample event with all fields, and letters that are not ASCII: most mails have to be encoded.
fn event() -> Event {
    let location = "Botanischer Garten, Königin-Luise-Straße 6–8, 14195 Berlin".to_owned();
    Event { id: EVENT, location: Some(location), ..sample::full() }
}

fn new_event() -> NewEvent {
    let time = |moment| match moment {
        DateOrTime::Time(time) => Some(time.naive_utc()),
        DateOrTime::Date(_) => None,
    };
    let event = event();
    NewEvent {
        id: event.id.number().unwrap(),
        title: event.title,
        description: event.description,
        location: event.location,
        starts_at: event.starts_at.and_then(time),
        ends_at: event.ends_at.and_then(time),
        timezone: event.timezone,
        url: event.url,
        updated_at: Some(NaiveDateTime::default()),
    }
}

fn participant(number: u64) -> NewParticipant {
    NewParticipant {
        event_id: EVENT.number().unwrap(),
        email: format!("participant.{number}@example.com"),
        name: format!("Participant Number {number}"),
        locale: Some("en-GB".to_owned()),
    }
}

/// The date of each mail. Reading the clock would be measured as well.
fn moment() -> DateTime<Utc> {
    DateTime::from_timestamp(1_797_000_000, 0).unwrap()
}
