//! A mail about an event, and what the entry in it has to say.

use chrono::{DateTime, Days, TimeDelta, Utc};
use fanmail::channels::email::compose::Composer;
use fanmail::channels::email::compose::notification_headers::NotificationHeaders;
use fanmail::config::content::ContentConfig;
use fanmail::config::content::calendar::CalendarMode;
use fanmail::config::email::reach::Reach;
use fanmail::config::email::webhooks::WebhookConfig;
use fanmail::config::email::{EmailConfig, Route};
use fanmail::content::renderer::Templates;
use fanmail::content::sample;
use fanmail::domain::event::{DateOrTime, Event};
use fanmail::domain::ids::NotificationId;
use fanmail::domain::installation::Installation;
use fanmail::domain::kind::Kind;
use fanmail::domain::notification_facts::NotificationFacts;
use fanmail::domain::participant::Participant;
use fanmail::domain::time_zone::TimeZone;
use fanmail::text::clean::{cut, one_line};
use serde_json::Value;

/// A mail about an event.
#[derive(Debug, Clone)]
pub struct Case {
    pub number: i64,
    pub kind: Kind,
    pub event: Event,
    pub participant: Participant,
    pub from_name: String,
}

impl Case {
    pub fn new(kind: Kind, event: Event) -> Self {
        Self { number: 12, kind, event, participant: sample::ada(), from_name: "Events, Ltd.".to_owned() }
    }

    /// The mail from this installation.
    pub fn mail(&self, templates: &Templates, tag: &str) -> String {
        let config = EmailConfig {
            route: Route::Dummy { outbox: None },
            from_email: "events@example.org".to_owned(),
            from_name: self.from_name.clone(),
            reply_to: None,
            bounce_address: None,
            reach: Reach::default(),
            dkim: None,
            unsubscribe: None,
            webhooks: WebhookConfig::default(),
            connections: 1,
            rate: None,
        };
        let installation = Installation { tag: tag.to_owned(), untagged_up_to: NotificationId(0) };
        let facts = NotificationFacts::of_event(self.kind, self.event.clone());
        let in_common = templates.notification_context(&facts).unwrap();
        let content = templates.render(&in_common, &self.participant).unwrap();
        let headers = NotificationHeaders::new(NotificationId(self.number), self.kind, Some(self.event.id));
        let address = self.participant.email.as_deref().unwrap();
        let mut composer = Composer::new(&config, &installation);
        composer.compose(&headers, &self.participant, address, content, date()).unwrap().as_received()
    }
}

fn date() -> DateTime<Utc> {
    "2026-12-01T08:30:00Z".parse().unwrap()
}

/// The built-in ones.
pub fn templates(calendar: CalendarMode) -> Templates {
    Templates::load(&ContentConfig { calendar, ..ContentConfig::default() }).unwrap()
}

/// A date or a time, however it was written.
pub fn moment(text: &Value) -> Option<DateOrTime> {
    let text = text.as_str()?;
    Some(match text.parse::<DateTime<Utc>>() {
        Ok(time) => DateOrTime::Time(time),
        Err(_) => DateOrTime::Date(text.parse().unwrap()),
    })
}

/// What the entry of a mail has to say.
pub fn assert_says(case: &Case, read: &Value) {
    let Event { title, location, starts_at, ends_at, timezone, .. } = &case.event;
    let line = |text: &str| cut(one_line(text), 300);
    let title = Some(line(title)).filter(|title| !title.is_empty());
    assert_eq!(read["summary"], title.unwrap_or_else(|| format!("Event {}", case.event.id)), "{case:?}");
    let place = location.as_deref().map(line).filter(|place| !place.is_empty());
    assert_eq!(read["location"].as_str().map(str::to_owned), place, "{case:?}");
    let zone = TimeZone::parse(timezone).unwrap_or_else(TimeZone::unknown);
    let ends_at = ends_at.filter(|end| end.year() < 9999);
    let (start, end) = match (*starts_at, ends_at) {
        (Some(DateOrTime::Date(first)), end) => {
            let last = match end {
                Some(DateOrTime::Date(last)) => last,
                Some(DateOrTime::Time(end)) => zone.local(end - TimeDelta::seconds(1)).0.date_naive(),
                None => first,
            };
            (DateOrTime::Date(first), Some(DateOrTime::Date(last.max(first) + Days::new(1))))
        }
        (Some(start @ DateOrTime::Time(begins)), end) => {
            let end = match end {
                Some(DateOrTime::Date(last)) if last > zone.local(begins).0.date_naive() => {
                    Some(zone.start_of(last + Days::new(1)))
                }
                Some(DateOrTime::Time(end)) => Some(end),
                _ => None,
            };
            (start, end.filter(|end| *end > begins).map(DateOrTime::Time))
        }
        (None, _) => panic!("it has no entry: {case:?}"),
    };
    assert_eq!(
        (moment(&read["start"]), moment(&read["end"])),
        (Some(start), end),
        "{case:?}: {}",
        read["ics"]
    );
    let organizer = &read["organizer"];
    for (found, name) in [(&read["attendees"][0], &case.participant.name), (organizer, &case.from_name)] {
        let name = cut(one_line(name), 75).replace('\\', "/");
        assert_eq!(found["CN"].as_str().unwrap_or_default(), name, "{case:?}");
    }
    assert_eq!(organizer["address"], "mailto:events@example.org");
}
