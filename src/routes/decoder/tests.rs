//! What becomes of bodies with and without a route.

use std::path::Path;

use serde_json::json;

use super::*;
use crate::domain::ids::EventId;
use crate::domain::kind::Kind;
use crate::domain::message::details::MessageDetails;

const ROUTES: &str = r##"
[route.welcome]
match = "student.created"
to = "payload.email"
name = "{{ payload.first }} {{ payload.last }}"
locale = "{{ meta.language | default(value='') }}"

[route.parents]
match = "student.*.parents"
to = "payload.parents"

[route.account]
match = "auth.user.*"
user = "payload.user.id"

[route.moved]
match = "#.moved"
event = "payload.event_id"

[route.off]
match = "event.cancelled"
template = "cancelled"
event = "payload.id"

[route.told]
match = "told"
template = "notice"
user = "payload.user"
"##;

fn decoder_of(on_unmatched: &str) -> Decoder {
    let text = format!("on_unmatched = \"{on_unmatched}\"\n{ROUTES}");
    let routes = Routes::parse(Path::new("/etc/fanmail/routes.toml"), &text).unwrap();
    Decoder::new(EventKeyType::Number, Some(Arc::new(routes)))
}

fn read_as(decoder: &Decoder, routing_key: &str, body: &Value) -> Result<Decoded, MessageRefusal> {
    let beside = Beside { routing_key: Some(routing_key), ..Beside::default() };
    decoder.read(body.to_string().as_bytes(), &beside).map_err(|refused| refused.refusal)
}

fn read(routing_key: &str, body: &Value) -> Result<Decoded, String> {
    read_as(&decoder_of("dead-letter"), routing_key, body).map_err(reason)
}

fn reason(refusal: MessageRefusal) -> String {
    match refusal {
        MessageRefusal::DeadLetter(reason) => reason,
        ignored @ MessageRefusal::Ignored { .. } => panic!("{ignored:?}"),
    }
}

fn details(decoded: &Decoded) -> MessageDetails {
    MessageDetails::read(decoded.message.details.as_ref()).unwrap()
}

#[test]
fn a_route_makes_a_message_of_any_body() {
    let payload =
        json!({"email": " ada@example.com ", "first": "Ada", "last": "Lovelace", "course": {"id": 7}});
    let enveloped = json!({"payload": payload, "_meta": {"id": "e-1", "language": "en", "source": "crm"}});
    let cloud_event = json!({"specversion": "1.0", "id": "1", "source": "/a", "type": "x", "language": "en", "data": payload});
    for (body, id, meta) in [
        (&payload, None, json!({"routing_key": "student.created"})),
        (
            &enveloped,
            Some("e-1"),
            json!({"id": "e-1", "language": "en", "source": "crm", "routing_key": "student.created"}),
        ),
        (
            &cloud_event,
            Some("/a 1"),
            json!({"specversion": "1.0", "id": "1", "source": "/a", "type": "x", "language": "en",
                   "routing_key": "student.created"}),
        ),
    ] {
        let decoded = read("student.created", body).unwrap();
        assert_eq!((decoded.message.kind, decoded.message.event_id), (Kind::Routed, None));
        assert_eq!(decoded.origin.id.clone().unwrap().as_deref(), id);
        let [recipient] = &decoded.message.recipients.as_deref().unwrap() else { panic!("{decoded:?}") };
        assert_eq!(recipient.email.as_deref(), Some("ada@example.com"));
        assert_eq!(recipient.name.as_deref(), Some("Ada Lovelace"));
        assert_eq!(recipient.locale.as_deref(), id.map(|_| "en"));
        let routed = details(&decoded).routed.unwrap();
        assert_eq!((routed.template.as_str(), Value::from(routed.payload)), ("welcome", payload.clone()));
        assert_eq!(Value::from(routed.meta), meta);
    }
}

#[test]
fn users_lists_of_addresses_and_events_are_audiences() {
    let users = read("auth.user.created", &json!({"user": {"id": [7, "u-8", 7]}})).unwrap().message;
    let keys: Vec<_> = users.recipients.unwrap().iter().map(|one| one.user_key.clone().unwrap()).collect();
    assert_eq!(keys, ["7", "u-8"]);
    let body = json!({"parents": ["a@example.com", {"email": "b@example.com", "name": "Bob"}, ""]});
    let people = read("student.7.parents", &body).unwrap().message.recipients.unwrap();
    let emails: Vec<_> = people.iter().map(|one| one.email.as_deref()).collect();
    assert_eq!(
        (emails, people[1].name.as_deref()),
        (vec![Some("a@example.com"), Some("b@example.com"), None], Some("Bob"))
    );
    let moved = read("event.moved", &json!({"event_id": 5})).unwrap().message;
    assert_eq!(
        (moved.kind, moved.event_id, moved.recipients),
        (Kind::Routed, Some(EventId::Number(5)), None)
    );
}

#[test]
fn a_built_in_template_makes_its_kind() {
    let cancelled =
        read("event.cancelled", &json!({"id": 5, "reason": "storm", "metadata": {"a": 1}})).unwrap();
    assert_eq!(
        (cancelled.message.kind, cancelled.message.event_id),
        (Kind::Cancelled, Some(EventId::Number(5)))
    );
    assert_eq!(details(&cancelled).reason.as_deref(), Some("storm"));
    let told = read("told", &json!({"user": 7, "message": "Hello"})).unwrap();
    assert_eq!((told.message.kind, details(&told).notice.unwrap().message.as_str()), (Kind::Notice, "Hello"));
    let error = read("told", &json!({"user": 7})).unwrap_err();
    assert!(
        error.ends_with("but for the built-in template notice, the field \"message\" is missing"),
        "{error}"
    );
}

#[test]
fn what_is_missing_or_wrong_is_told_with_route_field_and_routing_key() {
    for (key, body, told) in [
        ("student.created", json!({"first": "Ada"}), "to is payload.email, which is missing or null"),
        ("student.created", json!({"email": null}), "to is payload.email, which is missing or null"),
        ("student.created", json!({"email": "  "}), "to is payload.email, which is empty"),
        (
            "student.created",
            json!({"email": 7}),
            "to is payload.email, which is a number; expected an address, an object with an email, or a list of these",
        ),
        ("student.created", json!({"email": []}), "to is payload.email, which is an empty list"),
        (
            "student.1.parents",
            json!({"parents": ["a@b.c", true]}),
            "to is payload.parents, whose entry 2 is a boolean; ",
        ),
        ("auth.user.x", json!({"user": 7}), "user is payload.user.id, which is missing or null"),
        (
            "auth.user.x",
            json!({"user": {"id": {}}}),
            "user is payload.user.id, which is an object; expected the id of a user",
        ),
        (
            "x.moved",
            json!({"event_id": "seven"}),
            "event is payload.event_id: the field \"event_id\" must be a whole number",
        ),
        ("x.moved", json!([{"event_id": 7}]), "the body is an array; expected an object"),
        ("x.moved", json!(7), "the body is a number"),
    ] {
        let error = read(key, &body).unwrap_err();
        let begin = format!("\" of routes.toml matches its routing key \"{key}\", but {told}");
        assert!(error.starts_with("the route \"") && error.contains(&begin), "{error}");
    }
    let error = read("student.created", &json!({"email": "a@b.c", "last": "x"})).unwrap_err();
    assert!(error.contains("but name cannot be filled in: ") && error.contains("first"), "{error}");
    let many: Vec<String> = (0..10_001).map(|n| n.to_string()).collect();
    let error = read("auth.user.x", &json!({"user": {"id": many}})).unwrap_err();
    assert!(error.contains("10001 recipients") || error.contains("bytes"), "{error}");
}

#[test]
fn without_a_route_the_own_forms_are_read() {
    let bare = json!({"type": "UPDATED", "event_id": 7});
    for body in [&bare, &json!({"payload": bare, "_meta": {"routing_key": "other"}})] {
        assert_eq!(read("other", body).unwrap().message, Message::new(Kind::Updated, EventId::Number(7)));
    }
    // It is meant for fanmail, and wrong.
    for on_unmatched in ["dead-letter", "ignore"] {
        for (body, told) in [
            (
                json!({"type": "UPDATED", "event_id": "x"}),
                "the field \"event_id\" must be a whole number, not a string",
            ),
            (json!({"type": "event_updated", "event": {}}), "the field \"event.event_id\" is missing"),
            (json!({"recipient_user_id": [], "message": "x"}), "the field \"recipient_user_id\" must be"),
            (json!([{"recipient_user_id": 7}]), "entry 1 of the array: the field \"message\" is missing"),
        ] {
            let error = reason(read_as(&decoder_of(on_unmatched), "other", &body).unwrap_err());
            assert!(error.starts_with(told), "{error}");
        }
    }
}

#[test]
fn what_no_route_matches_is_a_dead_letter_or_ignored() {
    for body in [
        json!({"order": 7}),
        json!({"type": "CREATED", "order": 7}),
        json!({"recipients": ["a@b.c"]}),
        json!([{"order": 7}]),
        json!(7),
        json!({"payload": {"order": 7}, "_meta": {}}),
    ] {
        let error = read("order.created", &body).unwrap_err();
        assert!(
            error.starts_with(
                "no route of routes.toml matches its routing key \"order.created\", and as a message of fanmail's own: "
            ),
            "{error}"
        );
        let ignored = read_as(&decoder_of("ignore"), "order.created", &body);
        assert_eq!(ignored, Err(MessageRefusal::Ignored { routing_key: "order.created".to_owned() }));
    }
}

#[test]
fn the_routing_key_is_that_of_the_delivery_else_of_the_envelope_else_the_queue() {
    let decoder = decoder_of("ignore");
    let body = json!({"payload": {"event_id": 7}, "_meta": {"routing_key": "event.moved"}}).to_string();
    let read =
        |beside: Beside<'_>, body: &str| decoder.read(body.as_bytes(), &beside).map_err(|why| why.refusal);
    let ignored = |routing_key: &str| Err(MessageRefusal::Ignored { routing_key: routing_key.to_owned() });
    let to_queue = Beside { queue: Some("mails"), ..Beside::default() };
    assert_eq!(details(&read(to_queue, &body).unwrap()).routing_key(), Some("event.moved"));
    let over = |key| Beside { routing_key: Some(key), ..Beside::default() };
    assert_eq!(read(over("order.x"), &body), ignored("order.x"));
    assert_eq!(read(over(""), &body), read(to_queue, &body), "a fanout exchange");
    assert_eq!(read(over(""), "{}"), ignored(""));
    read(Beside { queue: Some("all.moved"), ..Beside::default() }, "{\"event_id\": 7}").unwrap();
    for beside in [to_queue, Beside::default()] {
        let error = reason(read(beside, "{\"event_id\": 7}").unwrap_err());
        assert_eq!(error, "the field \"type\" is missing", "published to the queue itself");
    }
}

#[test]
fn what_comes_again_and_no_route_reads_any_more_leaves_a_trace_of_what_was_said() {
    let body = json!({"event_id": 7}).to_string();
    let refused = |key, comes_again| {
        let beside = Beside { routing_key: Some(key), comes_again, ..Beside::default() };
        decoder_of("ignore").read(body.as_bytes(), &beside).unwrap_err()
    };
    assert_eq!(refused("a.b", false).trace, None);
    let trace = refused("a.b", true).trace.unwrap().message;
    assert!(trace.is_trace());
    let beside = Beside { routing_key: Some("a.b"), ..Beside::default() };
    let file = "[route.x]\nmatch = \"a.b\"\nevent = \"payload.event_id\"";
    let routes = Routes::parse(Path::new("routes.toml"), file).unwrap();
    let decoder = Decoder::new(EventKeyType::Number, Some(Arc::new(routes)));
    let before = decoder.read(body.as_bytes(), &beside).unwrap().message;
    assert_eq!((before.digest(), before.asks_for_same(&trace)), (trace.digest(), true));
    assert!(refused("student.created", true).trace.is_some(), "a route that does not fit");
}

#[test]
fn headers_of_a_cloud_event_are_its_meta() {
    let others = [("type".to_owned(), "moved".to_owned())].into();
    let attributes =
        Attributes { id: Some("1".to_owned()), source: Some("/a".to_owned()), time: None, others };
    let beside = Beside { routing_key: Some("x.moved"), cloud_event: Some(&attributes), ..Beside::default() };
    let decoded = decoder_of("ignore").read(b"{\"event_id\": 7}", &beside).unwrap();
    assert_eq!(decoded.origin.id.clone().unwrap().as_deref(), Some("/a 1"));
    let meta = details(&decoded).routed.unwrap().meta;
    assert_eq!(
        Value::from(meta),
        json!({"id": "1", "source": "/a", "type": "moved", "routing_key": "x.moved"})
    );
}

#[test]
fn a_message_is_told_from_others_by_what_was_said_and_not_by_the_route() {
    let message = |key: &str, body: Value| read(key, &body).unwrap().message;
    let moved = message("a.moved", json!({"event_id": 7}));
    assert_eq!(moved.digest(), message("a.moved", json!({"event_id": 7})).digest());
    for other in [
        message("b.moved", json!({"event_id": 7})),
        message("a.moved", json!({"event_id": 7, "by": 1})),
        message("a.moved", json!({"payload": {"event_id": 7}, "_meta": {"by": 1}})),
    ] {
        assert_ne!(moved.digest(), other.digest());
    }
    assert!(!moved.asks_for_same(&message("b.moved", json!({"event_id": 7}))));
    assert!(moved.asks_for_same(&message("a.moved", json!({"event_id": 7, "by": 1}))));
}
