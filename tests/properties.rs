//! The properties of message bodies and mail bodies, checked with random ones. The fuzz targets search longer for a
//! counterexample (scripts/chaos).

#![expect(clippy::unwrap_used, reason = "a helper of a test fails like the test itself")]

use std::fs;
use std::path::Path;

use fanmail::channels::email::compose::wire_format::{DotStuffed, unstuff};
use fanmail::domain::event_key_type::EventKeyType;
use fanmail::domain::ids::EventId;
use fanmail::domain::kind::Kind;
use fanmail::domain::message::Message;
use fanmail::domain::message::malformed::{MAX_BODY, Malformed};
use proptest::prelude::*;
use serde_json::{Value, json};
use testkit::properties::{self, Decoder};

fn read(body: &[u8], keys: EventKeyType) -> Result<Message, Malformed> {
    Message::decode(body, keys).map(|decoded| decoded.message)
}

fn decoding(body: &[u8]) {
    for keys in [EventKeyType::Number, EventKeyType::Text, EventKeyType::Uuid] {
        let decoder = Decoder {
            max_body: MAX_BODY,
            decode: &|body: &[u8]| read(body, keys),
            encode: &|message: &Message| message.encode().unwrap(),
            fits_ledger: &|message: &Message| Kind::from_word(message.kind.as_str()) == Some(message.kind),
        };
        properties::decoding(&decoder, body);
    }
}

fn dot_stuffing(content: &str) {
    properties::dot_stuffing(stuffed, unstuff, content);
}

fn stuffed(content: &str) -> (String, usize) {
    let mut mail = DotStuffed::default();
    mail.lines(content);
    mail.finish()
}

/// What happens to one byte.
#[derive(Debug, Clone, Copy)]
enum Change {
    Insert,
    Remove,
    Replace,
}

/// A message body with values that a publisher might get wrong.
fn questionable_body() -> impl Strategy<Value = String> {
    let word = prop_oneof![2 => prop::sample::select(&Kind::OF_EVENTS).prop_map(|kind| kind.to_string()), 1 => ".{0,400}"];
    let event_id = prop_oneof![
        (-3..4_i64).prop_map(|id| id.to_string()),
        any::<i128>().prop_map(|id| id.to_string()),
        any::<u64>().prop_map(|id| id.to_string()),
        any::<f64>().prop_map(|id| id.to_string()),
        any::<String>().prop_map(|id| Value::from(id).to_string()),
    ];
    (word, event_id).prop_map(|(word, id)| format!(r#"{{"type":{},"event_id":{id}}}"#, Value::from(word)))
}

/// The same with a few bytes inserted, removed or replaced.
fn damaged_body() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![any::<u8>(), prop::sample::select(b"{}[]\",:\\u0019-+.eE \n\0".as_slice())];
    let change = prop::sample::select(&[Change::Insert, Change::Remove, Change::Replace]);
    let changes = prop::collection::vec((any::<prop::sample::Index>(), change, byte), 0..4);
    (questionable_body(), changes).prop_map(|(body, changes)| {
        let mut body = body.into_bytes();
        for (place, change, byte) in changes {
            // The body is never empty: there are fewer changes than bytes.
            let place = place.index(body.len());
            match change {
                Change::Insert => body.insert(place, byte),
                Change::Remove => drop(body.remove(place)),
                Change::Replace => body[place] = byte,
            }
        }
        body
    })
}

/// A value that a field of text may have, most of them texts.
fn text() -> impl Strategy<Value = Value> {
    prop_oneof![6 => "[a-z ]{1,12}".prop_map(Value::from), 2 => any::<String>().prop_map(Value::from), 1 => Just(Value::Null)]
}

fn priority() -> impl Strategy<Value = Value> {
    prop::sample::select(&["high", "MEDIUM", "low", "", "high"]).prop_map(Value::from)
}

/// Metadata with anything that JSON can say, also numbers with many digits.
fn metadata() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    prop::collection::btree_map("[a-z]{1,3}", leaf, 0..4).prop_map(|fields| fields.into_iter().collect())
}

fn time() -> impl Strategy<Value = Value> {
    prop::sample::select(&["2026-12-24T18:00:00+01:00", "2026-12-24", "1795251600"]).prop_map(Value::from)
}

fn person() -> impl Strategy<Value = Value> {
    let address = "[a-c]{1,2}(@x.org)?".prop_map(Value::from);
    let object = (text(), text(), address.clone())
        .prop_map(|(name, locale, email)| json!({"name": name, "locale": locale, "email": email}));
    prop_oneof![address, object, Just(json!({})), Just(json!({"name": "Zoe"}))]
}

fn notice() -> impl Strategy<Value = Value> {
    let id = || prop_oneof![(-2..4_i64).prop_map(Value::from), "0?[1-3]".prop_map(Value::from), text()];
    let ids = prop::collection::vec(id(), 0..4);
    let people = prop::collection::vec(person(), 0..4);
    let said = ("[a-z]{1,5}", text(), text(), text(), priority(), metadata());
    (id(), ids, people, said).prop_map(|(id, ids, people, (message, title, url, kind, priority, metadata))| {
        json!({
            "recipient_user_id": id, "recipient_user_ids": ids, "recipients": people, "message": message, "title": title,
            "url": url, "notification_type": kind, "priority": priority, "metadata": metadata,
        })
    })
}

/// A body of each form, most of which can be read, also in an envelope.
fn body_of_any_form() -> impl Strategy<Value = Value> {
    let kind = || prop::sample::select(&Kind::OF_EVENTS);
    let details = || (text(), text(), metadata(), priority());
    let bare = (kind(), any::<i64>(), details()).prop_map(|(kind, id, (note, reason, metadata, priority))| {
        json!({"type": kind.as_str(), "event_id": id, "note": note, "reason": reason, "metadata": metadata, "priority": priority})
    });
    let event = ("[a-z]{1,5}", text(), time(), time(), text());
    let event_form =
        (kind(), any::<i64>(), event, details()).prop_map(|(kind, id, event, (note, _, metadata, priority))| {
            let (name, description, start, end, url) = event;
            let event = json!({
                "event_id": id, "event_name": name, "description": description, "start_time": start, "end_time": end, "url": url,
            });
            let word = format!("event_{}", kind.as_str().to_lowercase());
            json!({"type": word, "event": event, "note": note, "metadata": metadata, "priority": priority})
        });
    // Some say the same to different people.
    let batch = (prop::collection::vec(notice(), 1..4), prop::collection::vec(person(), 1..3)).prop_map(
        |(mut batch, people)| {
            let mut again = batch[0].clone();
            again["recipients"] = people.into();
            batch.push(again);
            Value::from(batch)
        },
    );
    let form = prop_oneof![bare, event_form, notice(), batch];
    (form, any::<bool>()).prop_map(|(form, is_enveloped)| {
        if is_enveloped && form.is_object() { json!({"payload": form, "_meta": {"id": "1"}}) } else { form }
    })
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_or_refused(body: Vec<u8>) {
        decoding(&body);
    }

    #[test]
    fn a_damaged_body_is_decoded_or_refused(body in damaged_body()) {
        decoding(&body);
    }

    #[test]
    fn an_encoded_message_decodes_to_itself(event_id: i64, kind in prop::sample::select(&Kind::OF_EVENTS)) {
        let message = Message::new(kind, EventId::Number(event_id));
        prop_assert_eq!(read(message.encode().unwrap().as_bytes(), EventKeyType::Number), Ok(message));
    }

    #[test]
    fn a_message_of_any_form_is_encoded_as_what_decodes_to_it(body in body_of_any_form()) {
        let body = body.to_string();
        if let Ok(message) = read(body.as_bytes(), EventKeyType::Number) {
            let encoded = message.encode().unwrap();
            if encoded.len() <= MAX_BODY {
                prop_assert_eq!(read(encoded.as_bytes(), EventKeyType::Number), Ok(message), "{}", encoded);
            }
        }
    }

    #[test]
    fn a_key_that_is_text_is_kept_byte_by_byte(text in ".{0,40}", kind in prop::sample::select(&Kind::OF_EVENTS)) {
        if let Ok(event_id) = EventId::from_text(&text) {
            let message = Message::new(kind, event_id);
            prop_assert_eq!(read(message.encode().unwrap().as_bytes(), EventKeyType::Text), Ok(message));
            prop_assert!(event_id.to_string().chars().count() <= 80 && !event_id.to_string().chars().any(char::is_control));
            match event_id {
                EventId::Number(number) => prop_assert_eq!(number.to_string(), text),
                EventId::Text(key) => prop_assert_eq!(key.as_str(), text),
            }
        }
    }

    #[test]
    fn any_text_is_received_as_it_was(content: String) {
        dot_stuffing(&content);
    }

    #[test]
    fn dots_and_line_ends_are_received_as_they_were(content in "[.\r\na]{0,40}") {
        dot_stuffing(&content);
    }
}

#[test]
fn the_properties_hold_for_the_seeds_of_the_fuzz_targets() {
    let seeds = |target: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
        let files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(!files.is_empty());
        files.into_iter().map(|file| fs::read(file).unwrap())
    };
    for body in seeds("decode") {
        decoding(&body);
    }
    for content in seeds("dot") {
        dot_stuffing(&String::from_utf8_lossy(&content));
    }
}
