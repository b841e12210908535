//! What a message carries beyond kind and event.

use super::*;
use crate::domain::ids::EventId;
use crate::domain::message::details::EventFacts;

const KEYS: EventKeyType = EventKeyType::Number;

fn details(body: &Value) -> MessageDetails {
    let message = message(body.to_string().as_bytes(), KEYS).unwrap();
    MessageDetails::read(message.details.as_ref()).unwrap()
}

fn refusal(body: &Value) -> String {
    reason(body.to_string().as_bytes())
}

/// A bare message with this field.
fn bare(field: &str, value: Value) -> Value {
    let mut body = json!({"type": "CANCELLED", "event_id": 7});
    body[field] = value;
    body
}

#[test]
fn a_bare_message_may_have_a_note_a_reason_and_metadata() {
    let read = details(&json!({
        "type": "CANCELLED", "event_id": 7,
        "note": " Tickets are refunded. ", "reason": "storm", "metadata": {"refund": {"days": 3}},
    }));
    let metadata = json!({"refund": {"days": 3}}).as_object().unwrap().clone();
    let (note, reason) = (Some("Tickets are refunded.".to_owned()), Some("storm".to_owned()));
    assert_eq!(read, MessageDetails { note, reason, metadata, ..MessageDetails::default() });
}

#[test]
fn a_word_says_how_urgent_a_message_about_an_event_is_and_other_values_are_the_publishers_own() {
    for (value, expected) in [
        (json!("high"), Some(Priority::High)),
        (json!("LOW"), Some(Priority::Low)),
        (json!("urgent"), None),
        (json!(9), None),
        (json!({"high": true}), None),
        (json!(null), None),
    ] {
        let carried =
            json!({"type": "event_updated", "event": {"event_id": 7, "event_name": "x"}, "priority": value});
        for body in [bare("priority", value), carried] {
            let message = message(body.to_string().as_bytes(), KEYS).unwrap();
            assert_eq!(message.priority, expected, "{body}");
        }
    }
}

#[test]
fn what_is_empty_is_nothing() {
    for body in [
        bare("note", json!(null)),
        bare("note", json!("  ")),
        bare("reason", json!("")),
        bare("metadata", json!(null)),
        bare("metadata", json!({})),
        bare("event", json!({"event_id": 8})),
    ] {
        let message = message(body.to_string().as_bytes(), KEYS).unwrap();
        assert_eq!(message, Message::new(Kind::Cancelled, EventId::Number(7)), "{body}");
    }
}

#[test]
fn a_field_of_another_type_is_named() {
    for (field, value, expected) in [
        ("note", json!(7), "the field \"note\" must be a string, not a number"),
        ("reason", json!(["storm"]), "the field \"reason\" must be a string, not an array"),
        ("metadata", json!("a=b"), "the field \"metadata\" must be an object, not a string"),
        ("metadata", json!([]), "the field \"metadata\" must be an object, not an array"),
    ] {
        assert_eq!(refusal(&bare(field, value)), expected);
    }
    let large = refusal(&bare("metadata", json!({"list": "x".repeat(16 * 1024 - 10)})));
    assert!(
        large.starts_with("the field \"metadata\" has 16385 bytes as JSON; at most 16384 are possible"),
        "{large}"
    );
    details(&bare("metadata", json!({"list": "x".repeat(16 * 1024 - 11)})));
}

#[test]
fn a_message_may_carry_its_event() {
    let event = json!({
        "event_id": 7, "event_name": "Concert", "description": "Doors open at five.", "location": "Hall",
        "start_time": "2026-12-24T18:00:00+01:00", "end_time": 1_798_138_800, "timezone": "Europe/Berlin",
        "url": "https://example.com/7", "organizer": {"id": 3},
    });
    for (word, kind) in [
        ("event_created", Kind::Created),
        ("event_updated", Kind::Updated),
        ("event_cancelled", Kind::Cancelled),
        ("event_reminder", Kind::Reminder),
        ("UPDATED", Kind::Updated),
    ] {
        let body = json!({"type": word, "event": event, "note": "Bring a coat."});
        let read = message(body.to_string().as_bytes(), KEYS).unwrap();
        assert_eq!((read.kind, read.event_id), (kind, Some(EventId::Number(7))), "{word}");
        let text = |text: &str| Some(text.to_owned());
        let facts = EventFacts {
            title: "Concert".to_owned(),
            description: text("Doors open at five."),
            location: text("Hall"),
            starts_at: text("2026-12-24T18:00:00+01:00"),
            ends_at: text("1798138800"),
            timezone: text("Europe/Berlin"),
            url: text("https://example.com/7"),
        };
        let details = details(&body);
        assert_eq!((details.event, details.note.as_deref()), (Some(facts), Some("Bring a coat.")));
    }
}

#[test]
fn its_fields_may_have_the_names_of_columns() {
    let body = json!({"type": "event_updated", "event": {
        "id": 7, "title": "Concert", "starts_at": "2026-12-24", "ends_at": null, "description": null,
    }});
    let facts = EventFacts {
        title: "Concert".to_owned(),
        starts_at: Some("2026-12-24".to_owned()),
        ..EventFacts::default()
    };
    assert_eq!(details(&body).event, Some(facts));
}

#[test]
fn what_is_wrong_with_a_carried_event_is_named() {
    for (event, expected) in [
        (json!("Concert"), "the field \"event\" must be an object, not a string"),
        (json!({"event_name": "Concert"}), "the field \"event.event_id\" is missing"),
        (json!({"event_id": 7}), "the field \"event.event_name\" is missing"),
        (json!({"event_id": 7, "event_name": " "}), "the field \"event.event_name\" is missing"),
        (
            json!({"event_id": "7", "event_name": "Concert"}),
            "the field \"event.event_id\" must be a whole number, not a string",
        ),
        (
            json!({"event_id": 7, "event_name": "Concert", "start_time": "soon"}),
            "the field \"event.start_time\" is \"soon\", which is not a time such as 2026-11-26T10:00:00Z",
        ),
        (
            json!({"event_id": 7, "event_name": "Concert", "end_time": [1]}),
            "the field \"event.end_time\" must be a time, not an array",
        ),
        (
            json!({"event_id": 7, "event_name": "Concert", "location": 5}),
            "the field \"event.location\" must be a string, not a number",
        ),
    ] {
        assert_eq!(refusal(&json!({"type": "event_updated", "event": event})), expected);
    }
    for word in ["event_moved", "event_", "event_UPDATED", "updated"] {
        let body = json!({"type": word, "event": {"event_id": 7, "event_name": "Concert"}});
        assert!(refusal(&body).starts_with(&format!("the type {word:?} is not one of")), "{word}");
    }
}

#[test]
fn it_may_stand_in_an_envelope() {
    let body =
        json!({"_meta": {"id": "a"}, "payload": {"type": "UPDATED", "event_id": 7, "note": "New room"}});
    assert_eq!(details(&body).note.as_deref(), Some("New room"));
}
