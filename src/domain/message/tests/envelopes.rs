//! Messages in envelopes.

use serde_json::json;

use super::*;
use crate::domain::message::cloud_event::Attributes;
use crate::text::timestamp::rfc3339;

const MESSAGE: Message = Message::new(Kind::Updated, EventId::Number(7));

fn bare() -> Value {
    json!({"type": "UPDATED", "event_id": 7})
}

/// What the envelope of a body says about [`MESSAGE`]: id and time.
#[track_caller]
fn origin(body: &Value) -> (Option<String>, Option<String>) {
    let decoded = Message::decode(body.to_string().as_bytes(), EventKeyType::Number).unwrap();
    assert_eq!(decoded.message, MESSAGE);
    (decoded.origin.id.unwrap(), decoded.origin.published_at.unwrap().map(rfc3339))
}

/// Why the id of a body that can be read cannot, or else its time.
fn told_of_origin(body: &Value) -> String {
    let Origin { id, published_at, .. } =
        Message::decode(body.to_string().as_bytes(), EventKeyType::Number).unwrap().origin;
    id.map_or_else(|reason| reason, |_| published_at.unwrap_err()).to_string()
}

fn told(body: &Value) -> String {
    reason(body.to_string().as_bytes())
}

#[test]
fn an_envelope_says_id_and_time() {
    let meta = json!({"id": "m-1", "timestamp": "2026-11-26T10:00:00+01:00", "routing_key": "event.updated", "source": "a"});
    let expected = (Some("m-1".to_owned()), Some("2026-11-26T09:00:00.000Z".to_owned()));
    assert_eq!(origin(&json!({"payload": bare(), "_meta": meta})), expected);
    let meta = json!({"id": "m-1", "timestamp": 1_795_683_600.0});
    assert_eq!(origin(&json!({"type": "event.updated", "payload": bare(), "_meta": meta})), expected);
    for body in [
        json!({"payload": bare(), "_meta": {"id": "", "timestamp": null}}),
        json!({"payload": bare(), "_meta": null}),
        json!({"payload": bare()}),
        json!({"event_id": "of the envelope", "payload": bare()}),
        json!({"type": "UPDATED", "event_id": 7, "payload": {"type": "CREATED", "event_id": 8}}),
        json!({"type": "UPDATED", "event_id": 7, "_meta": {"id": "of the application"}}),
        json!({"type": "UPDATED", "event_id": 7, "payload": {"a": 1}, "_meta": {"id": "of the application"}}),
        json!({"type": "UPDATED", "event_id": 7, "specversion": "1.0", "id": "of the application"}),
    ] {
        assert_eq!(origin(&body), (None, None), "{body}");
    }
}

#[test]
fn a_cloud_event_is_identified_by_source_and_id() {
    let event = json!({
        "specversion": "1.0", "type": "com.example.event.updated", "source": "/events", "id": "A234-1234",
        "time": "2026-11-26T09:00:00Z", "datacontenttype": "application/json; charset=utf-8", "data": bare(),
    });
    let expected = (Some("/events A234-1234".to_owned()), Some("2026-11-26T09:00:00.000Z".to_owned()));
    assert_eq!(origin(&event), expected);
    let with = |name: &str, value: Value| {
        let mut event = event.clone();
        event[name] = value;
        event
    };
    let without = |name: &str| {
        let mut event = event.clone();
        event.as_object_mut().unwrap().remove(name);
        event
    };
    assert_eq!(origin(&without("time")).1, None);
    assert_eq!(origin(&without("datacontenttype")), expected);
    let mut encoded = without("data");
    encoded["data_base64"] = json!("eyJ0eXBlIjoiVVBEQVRFRCIsImV2ZW50X2lkIjo3fQ==");
    assert_eq!(origin(&encoded), expected);

    let says = "it says that it is a CloudEvents event, but the attribute";
    assert_eq!(told_of_origin(&without("id")), format!("{says} \"id\" is missing or empty"));
    assert_eq!(told_of_origin(&with("source", json!(""))), format!("{says} \"source\" is missing or empty"));
    assert_eq!(told_of_origin(&with("id", json!(7))), "the field \"id\" must be a string, not a number");
    assert_eq!(told(&without("data")), "the field \"data\" is missing");
    assert_eq!(told(&with("data", json!("x"))), "the field \"data\" must be an object, not a string");
    encoded["data_base64"] = json!("{}");
    assert_eq!(told(&encoded), "the field \"data_base64\" is not base64");
    encoded["data_base64"] = json!("H4sIAAAAAAAAA6uuBQBDv6ajAgAAAA==");
    let decoded = Message::decode(encoded.to_string().as_bytes(), EventKeyType::Number);
    let reason = decoded.unwrap_err().explained_by(Some("gzip")).to_string();
    assert!(reason.starts_with("the field \"data_base64\" is not the base64 of JSON: "), "{reason}");
    let xml = told(&with("datacontenttype", json!("text/xml")));
    assert_eq!(xml, "the datacontenttype of the event is \"text/xml\"; publish its data as application/json");
    assert!(
        told_of_origin(&with("time", json!("soon")))
            .starts_with("the field \"time\" is \"soon\", which is not a time such as")
    );
    assert!(told_of_origin(&with("source", json!("x".repeat(1000)))).ends_with("at most 1000 are possible"));
}

#[test]
fn the_attributes_of_a_cloud_event_in_binary_mode_are_its_headers() {
    let attributes = cloud_event::Attributes {
        id: Some("1".to_owned()),
        source: Some("urn:a".to_owned()),
        time: Some("2026-11-26T09:00:00Z".to_owned()),
        ..cloud_event::Attributes::default()
    };
    let origin = attributes.origin();
    assert_eq!(origin.id.unwrap().as_deref(), Some("urn:a 1"));
    assert_eq!(origin.published_at.unwrap().map(rfc3339).as_deref(), Some("2026-11-26T09:00:00.000Z"));
    let reason = cloud_event::Attributes { id: None, ..attributes }.origin().id.unwrap_err();
    assert!(reason.to_string().contains("the attribute \"id\" is missing"), "{reason}");
}

#[test]
fn what_is_wrong_with_an_envelope_is_told_with_the_name_of_the_field() {
    for (body, expected) in [
        (json!({"payload": "x", "_meta": {}}), "the field \"payload\" must be an object, not a string"),
        (json!({"payload": {"event_id": 7}, "_meta": {}}), "the field \"type\" is missing"),
        (json!({"payload": {"payload": bare()}}), "an envelope contains another envelope"),
        (json!({"payload": {"specversion": "1.0"}}), "an envelope contains another envelope"),
        (
            json!({"specversion": "1.0", "id": "1", "source": "a", "data": {"payload": bare(), "_meta": {}}}),
            "an envelope contains another envelope",
        ),
    ] {
        assert!(told(&body).starts_with(expected), "{body}: {}", told(&body));
    }
    for (meta, expected) in [
        (json!([]), "the field \"_meta\" must be an object, not an array"),
        (json!({"id": {}}), "the field \"_meta.id\" must be a string, not an object"),
        (
            json!({"timestamp": "26.11.2026"}),
            "the field \"_meta.timestamp\" is \"26.11.2026\", which is not a time such as 2026-11-26T10:00:00Z",
        ),
    ] {
        assert_eq!(told_of_origin(&json!({"payload": bare(), "_meta": meta})), expected);
    }
}

#[test]
fn each_envelope_may_name_a_trace() {
    let example = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let event = |traceparent: Value| json!({"specversion": "1.0", "type": "a", "source": "b", "id": "c", "data": bare(), "traceparent": traceparent});
    let traced = |body: &Value| {
        let decoded = Message::decode(body.to_string().as_bytes(), EventKeyType::Number).unwrap();
        decoded.origin.traceparent.map(|parent| parent.to_string())
    };
    assert_eq!(traced(&event(json!(example))).as_deref(), Some(example));
    assert_eq!(
        traced(&json!({"payload": bare(), "_meta": {"traceparent": example}})).as_deref(),
        Some(example)
    );
    for bad in [json!("00-me@example.org"), json!(7), json!(null), json!({"a": example})] {
        assert_eq!(traced(&event(bad.clone())), None, "{bad}");
        assert_eq!(traced(&json!({"payload": bare(), "_meta": {"traceparent": bad}})), None);
    }
    let others = [("specversion", "1.0"), ("traceparent", example)];
    let others = others.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let attributes = Attributes { others, ..Attributes::default() };
    assert_eq!(attributes.origin().traceparent.map(|parent| parent.to_string()).as_deref(), Some(example));
}
