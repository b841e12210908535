//! How messages are written: the body of each form is read as the same message.

use serde_json::json;

use super::*;

const KEYS: EventKeyType = EventKeyType::Number;

/// The body of what this one is read as.
fn encoded(body: &Value) -> Value {
    let read = message(body.to_string().as_bytes(), KEYS).unwrap();
    let encoded = read.encode().unwrap();
    assert_eq!(message(encoded.as_bytes(), KEYS), Ok(read), "{encoded}");
    serde_json::from_str(&encoded).unwrap()
}

#[test]
fn a_message_of_each_form_is_written_as_it_was_read() {
    for body in [
        json!({"type": "UPDATED", "event_id": 7}),
        json!({"type": "CANCELLED", "event_id": 7, "note": "Sorry", "reason": "storm", "priority": "low",
            "metadata": {"price": 0.1, "large": 1e300, "tags": [null, true]}}),
        json!({"type": "event_updated", "event": {"event_id": 7, "event_name": "Concert", "description": "d", "location": "l",
            "start_time": "2026-12-24T18:00:00+01:00", "end_time": "2026-12-24", "timezone": "Europe/Berlin", "url": "https://x.org"},
            "note": "n"}),
        json!({"recipient_user_id": 7, "message": "Hello"}),
        json!({"recipient_user_ids": [7, "x", "007"], "recipients": ["ada@x.org", {"name": "Zoe", "email": "zoe@x.org", "locale": "de"}, {}],
            "message": "Hello", "title": "t", "url": "https://x.org", "notification_type": "CAR", "priority": "high", "metadata": {"a": 1}}),
        json!([{"recipient_user_ids": [7, 8], "message": "a"}, {"recipient_user_id": 7, "message": "b", "priority": "low"}]),
    ] {
        assert_eq!(encoded(&body), body);
    }
}

#[test]
fn neighbours_of_a_batch_who_are_told_the_same_share_a_notice() {
    let said = |recipients: Value| json!({"recipients": recipients, "message": "a"});
    let batch = json!([
        {"recipient_user_id": 1, "message": "a"}, {"recipient_user_id": 2, "message": "a"}, said(json!(["x@x.org"])),
        said(json!(["x@x.org"])), {"recipient_user_id": 3, "message": "a"},
    ]);
    let expected = json!([
        {"recipient_user_ids": [1, 2], "recipients": ["x@x.org"], "message": "a"},
        said(json!(["x@x.org"])),
        {"recipient_user_id": 3, "message": "a"},
    ]);
    assert_eq!(encoded(&batch), expected);
}

#[test]
fn details_that_are_none_cannot_be_written() {
    let details = Some(DetailsJson::from_ledger("no JSON"));
    let message = Message { details, ..Message::new(Kind::Updated, EventId::Number(7)) };
    message.encode().unwrap_err();
}
