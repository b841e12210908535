//! Which messages are dead letters: what cannot be read, has no id where one is required, or is too old. Whether a notification has a
//! message that is too old already, the ledger knows. How a body is read is left to `domain::message`.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::broker::incoming::Incoming;
use crate::config::worker::WorkerConfig;
use crate::domain::message::identity::Identity;
use crate::domain::message::malformed::Malformed;
use crate::domain::message::refusal::MessageRefusal;
use crate::domain::message::{Decoded, Message};
use crate::domain::priority::Priority;
use crate::domain::traceparent::TraceParent;
use crate::routes::decoder::{Decoder, RefusedBody};
use crate::text::timestamp::to_the_second;

/// Why a message is a dead letter with `REQUIRE_MESSAGE_ID=True`, and the cure.
const WITHOUT_MESSAGE_ID: &str = "it has no message_id, or one that is empty or not UTF-8 text, and REQUIRE_MESSAGE_ID is \
    True; let the publisher set a message_id, a new one for every notification";

/// A message that can be opened.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Accepted {
    /// The message.
    pub message: Message,
    /// What identifies it.
    pub identity: Identity,
    /// When it was published; when it arrived, if nothing says so.
    pub published_at: DateTime<Utc>,
    /// What becomes of it unless a notification has it already.
    pub refusal: Option<MessageRefusal>,
    /// The trace that it belongs to. A header tells more of it than an envelope, which may have been written long before.
    pub traceparent: Option<TraceParent>,
}

/// Which messages are opened, and which are dead letters.
#[derive(Debug, Clone)]
pub(super) struct MessageRules {
    decoder: Decoder,
    /// Whether a message without an id is a dead letter.
    require_message_id: bool,
    /// How old a message may be that comes for the first time.
    stale_after: Option<Duration>,
}

impl MessageRules {
    pub(super) fn new(config: &WorkerConfig, decoder: Decoder) -> Self {
        Self { decoder, require_message_id: config.require_message_id, stale_after: config.stale_after }
    }

    /// The message, or what becomes of it in any case.
    pub(super) fn read(&self, incoming: &Incoming, now: DateTime<Utc>) -> Result<Accepted, MessageRefusal> {
        let (decoded, refusal) = match self.decoder.read(&incoming.body, &incoming.beside()) {
            Ok(decoded) => (decoded, None),
            Err(RefusedBody { refusal, trace: Some(trace) }) => (*trace, Some(refusal)),
            Err(RefusedBody { refusal, trace: None }) => return Err(refusal),
        };
        let Decoded { message, origin } = decoded;
        let or = |reason| refusal.clone().unwrap_or(MessageRefusal::DeadLetter(reason));
        let mut identity = incoming.identity.clone();
        if identity.key().is_none() {
            identity = identity.or_id(origin.id.map_err(|reason| or(reason.to_string()))?);
        }
        if self.require_message_id && identity.key().is_none() {
            return Err(or(WITHOUT_MESSAGE_ID.to_owned()));
        }
        let priority = message.priority.or(incoming.priority.and_then(Priority::from_amqp));
        let message = Message { priority, ..message };
        let of_envelope = origin.published_at.as_ref().ok().copied().flatten();
        let published_at = incoming.replayed_at.or(of_envelope).or(incoming.published_at).unwrap_or(now);
        let stale = match incoming.replayed_at {
            // A person wants it, however old it was: its age counts from then on.
            Some(replayed_at) => self.find_stale(Ok(Some(replayed_at)), None, now),
            None => self.find_stale(origin.published_at, incoming.published_at, now),
        };
        let refusal = refusal.or_else(|| stale.map(MessageRefusal::DeadLetter));
        let traceparent = incoming.traceparent.or(origin.traceparent);
        Ok(Accepted { message, identity, published_at, refusal, traceparent })
    }

    /// `of_amqp` counts where the envelope has no time that can be read.
    fn find_stale(
        &self,
        of_envelope: Result<Option<DateTime<Utc>>, Malformed>,
        of_amqp: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Option<String> {
        let limit = self.stale_after?;
        let published_at = match (of_envelope, of_amqp) {
            (Ok(Some(time)), _) | (_, Some(time)) => time,
            (Ok(None), None) => return None,
            (Err(reason), None) => return Some(format!("{reason}; STALE_AFTER needs to know its time")),
        };
        let is_stale = TimeDelta::from_std(limit).is_ok_and(|limit| now - published_at > limit);
        is_stale.then(|| format!(
            "it is stale: it was published at {}, and STALE_AFTER is {} s; if its mails are still wanted, replay it, and if it is \
             not that old, set the clock of the publisher",
            to_the_second(published_at),
            limit.as_secs_f64()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::domain::event_key_type::EventKeyType;
    use crate::domain::message::cloud_event::Attributes;
    use crate::domain::session::Receipt;

    const BODY: &[u8] = br#"{"type":"UPDATED","event_id":7}"#;

    fn incoming(body: &[u8]) -> Incoming {
        Incoming::new(Receipt { session: 1, tag: 1 }, body.to_vec(), Identity::default())
    }

    fn rules(stale_after: Option<Duration>) -> MessageRules {
        let config = Config::from_lookup(&|_| None).unwrap().worker;
        let decoder = Decoder::new(EventKeyType::Number, None);
        MessageRules::new(&WorkerConfig { stale_after, ..config }, decoder)
    }

    fn read(rules: &MessageRules, incoming: &Incoming, now: DateTime<Utc>) -> Result<Accepted, String> {
        rules.read(incoming, now).map_err(|refusal| reason(Some(refusal)).unwrap())
    }

    /// Why it is a dead letter.
    fn reason(refusal: Option<MessageRefusal>) -> Option<String> {
        match refusal? {
            MessageRefusal::DeadLetter(reason) => Some(reason),
            ignored @ MessageRefusal::Ignored { .. } => panic!("{ignored:?}"),
        }
    }

    fn id_of(incoming: &Incoming) -> Option<String> {
        read(&rules(None), incoming, Utc::now()).unwrap().identity.message_id
    }

    #[test]
    fn the_id_of_an_envelope_counts_where_amqp_carries_none() {
        let enveloped = br#"{"payload":{"type":"UPDATED","event_id":7},"_meta":{"id":"e-1"}}"#;
        assert_eq!(id_of(&incoming(enveloped)).as_deref(), Some("e-1"));
        let identity = Identity::new(Some("m-1"), false);
        assert_eq!(id_of(&Incoming { identity, ..incoming(enveloped) }).as_deref(), Some("m-1"));
        let identity = Identity::new(Some(""), true);
        let empty = Incoming { identity, ..incoming(enveloped) };
        assert_eq!(
            read(&rules(None), &empty, Utc::now()).unwrap().identity,
            Identity::new(Some("e-1"), true)
        );
        let text = |text: &str| Some(text.to_owned());
        let cloud_event = Some(Attributes { id: text("1"), source: text("/a"), ..Attributes::default() });
        assert_eq!(id_of(&Incoming { cloud_event, ..incoming(BODY) }).as_deref(), Some("/a 1"));
        let without_id = Incoming { cloud_event: Some(Attributes::default()), ..incoming(BODY) };
        let reason = read(&rules(None), &without_id, Utc::now()).unwrap_err();
        assert!(reason.contains("the attribute \"id\" is missing"), "{reason}");
    }

    #[test]
    fn what_cannot_be_read_of_an_envelope_matters_only_if_it_is_needed() {
        let enveloped =
            br#"{"payload":{"type":"UPDATED","event_id":7},"_meta":{"id":[],"timestamp":"soon"}}"#;
        let identity = Identity::new(Some("m-1"), false);
        let named = Incoming { identity, ..incoming(enveloped) };
        let Accepted { identity, refusal, .. } = read(&rules(None), &named, Utc::now()).unwrap();
        assert_eq!((identity.key(), refusal), (Some("m-1"), None));
        let needs_id = read(&rules(None), &incoming(enveloped), Utc::now()).unwrap_err();
        assert_eq!(needs_id, "the field \"_meta.id\" must be a string, not an array");
        let with_limit = rules(Some(Duration::from_secs(3600)));
        let stale = reason(read(&with_limit, &named, Utc::now()).unwrap().refusal).unwrap();
        assert!(
            stale.starts_with("the field \"_meta.timestamp\" is \"soon\", which is not a time"),
            "{stale}"
        );
        let timed = Incoming { published_at: Some(Utc::now()), ..named };
        assert_eq!(read(&with_limit, &timed, Utc::now()).unwrap().refusal, None, "AMQP has a time");
    }

    #[test]
    fn the_priority_of_amqp_counts_where_the_message_says_nothing() {
        let low = br#"{"type":"UPDATED","event_id":7,"priority":"low"}"#;
        for (body, number, expected) in [
            (BODY, None, None),
            (BODY, Some(4), None),
            (BODY, Some(5), Some(Priority::High)),
            (low, Some(9), Some(Priority::Low)),
        ] {
            let message = Incoming { priority: number, ..incoming(body) };
            assert_eq!(read(&rules(None), &message, Utc::now()).unwrap().message.priority, expected);
        }
    }

    #[test]
    fn a_message_that_is_too_old_is_stale() {
        let now = DateTime::from_timestamp(1_795_687_200, 0).unwrap();
        let published_before =
            |minutes| Incoming { published_at: Some(now - TimeDelta::minutes(minutes)), ..incoming(BODY) };
        let rules = rules(Some(Duration::from_secs(3600)));
        let stale =
            |rules: &MessageRules, incoming: &Incoming| reason(read(rules, incoming, now).unwrap().refusal);
        for minutes in [-600, 0, 60] {
            assert_eq!(stale(&rules, &published_before(minutes)), None, "{minutes}");
        }
        let reason = stale(&rules, &published_before(61)).unwrap();
        assert!(
            reason.starts_with(
                "it is stale: it was published at 2026-11-26 08:59:00Z, and STALE_AFTER is 3600 s"
            ),
            "{reason}"
        );
        let identity = Identity { message_id: None, redelivered: true };
        let again = stale(&rules, &Incoming { identity, ..published_before(61) });
        assert_eq!(again, Some(reason), "only the ledger knows what is opened");
        assert_eq!(stale(&self::rules(None), &published_before(61)), None, "off");
        let replayed = |minutes| Incoming {
            replayed_at: Some(now - TimeDelta::minutes(minutes)),
            ..published_before(600)
        };
        assert_eq!(stale(&rules, &replayed(60)), None, "a person wants it");
        assert!(stale(&rules, &replayed(61)).unwrap().starts_with("it is stale"), "it waited again");
        let of_envelope =
            br#"{"payload":{"type":"UPDATED","event_id":7},"_meta":{"timestamp":"2026-11-26T08:59:00Z"}}"#;
        let enveloped = Incoming { published_at: Some(now), ..incoming(of_envelope) };
        assert!(stale(&rules, &enveloped).unwrap().starts_with("it is stale"), "the envelope knows best");
    }
}
