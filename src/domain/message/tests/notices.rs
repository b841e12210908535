//! Notices: texts for people, about no event.

use super::*;
use crate::domain::message::details::Notice;
use crate::domain::message::recipient::GivenRecipient;

const KEYS: EventKeyType = EventKeyType::Uuid;

fn notice(body: &Value) -> (Vec<GivenRecipient>, MessageDetails) {
    let message = message(body.to_string().as_bytes(), KEYS).unwrap();
    assert_eq!((message.kind, message.event_id), (Kind::Notice, None));
    let details = MessageDetails::read(message.details.as_ref()).unwrap();
    (message.recipients.unwrap().to_vec(), details)
}

fn refusal(body: &Value) -> String {
    reason(body.to_string().as_bytes())
}

fn user(key: &str) -> GivenRecipient {
    GivenRecipient { user_key: Some(key.to_owned()), ..GivenRecipient::default() }
}

fn address(email: &str) -> GivenRecipient {
    GivenRecipient { email: Some(email.to_owned()), ..GivenRecipient::default() }
}

#[test]
fn a_notice_has_a_message_and_what_the_publisher_adds() {
    let (recipients, details) = notice(&json!({
        "recipient_user_id": 7, "message": " Your car is ready. ", "title": "Ready", "priority": "HIGH",
        "notification_type": "VEHICLE_STATUS", "metadata": {"vehicle": 3}, "url": "https://example.com/3",
    }));
    let text = |text: &str| Some(text.to_owned());
    let expected = Notice {
        message: "Your car is ready.".to_owned(),
        title: text("Ready"),
        url: text("https://example.com/3"),
        notification_type: text("VEHICLE_STATUS"),
        priority: text("high"),
    };
    assert_eq!((recipients, details.notice), (vec![user("7")], Some(expected)));
    assert_eq!(details.metadata["vehicle"], 3);
}

#[test]
fn recipients_are_users_and_addresses_each_once() {
    let uuid = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
    let (recipients, _) = notice(&json!({
        "recipient_user_id": uuid, "recipient_user_ids": [uuid, -1, u64::MAX, "a"],
        "recipients": [
            {"email": " ann@example.com ", "name": "Ann", "locale": "de-CH"}, "bob@example.com", {"name": "Zoe"}, "no address",
            "bob@example.com",
        ],
        "message": "Hello",
    }));
    let ann = GivenRecipient {
        name: Some("Ann".to_owned()),
        locale: Some("de-CH".to_owned()),
        ..address("ann@example.com")
    };
    let zoe = GivenRecipient { name: Some("Zoe".to_owned()), ..GivenRecipient::default() };
    let users = [uuid, "-1", "18446744073709551615", "a"].map(user);
    let expected = [ann, address("bob@example.com"), zoe, address("no address")];
    assert_eq!(recipients, [&users[..], &expected[..]].concat());
}

#[test]
fn a_batch_says_something_else_to_each_recipient() {
    let body = json!([
        {"recipient_user_id": 1, "message": "first"},
        {"recipient_user_ids": [1, 2], "message": "second", "title": "2"},
    ]);
    let (recipients, details) = notice(&body);
    assert_eq!(details, MessageDetails::default());
    let said = |one: &GivenRecipient| {
        let details = MessageDetails::read(one.details.as_ref()).unwrap();
        (one.user_key.clone().unwrap(), details.notice.unwrap().message)
    };
    let said: Vec<(String, String)> = recipients.iter().map(said).collect();
    let expected = [("1", "first"), ("1", "second"), ("2", "second")];
    assert_eq!(said, expected.map(|(key, message)| (key.to_owned(), message.to_owned())));
}

#[test]
fn a_batch_is_as_urgent_as_the_most_urgent_of_its_notices() {
    let priority = |body: &Value| message(body.to_string().as_bytes(), KEYS).unwrap().priority;
    let notice = |word: Value| json!({"recipient_user_id": 1, "message": "Hello", "priority": word});
    assert_eq!(priority(&notice(json!("Low"))), Some(Priority::Low));
    assert_eq!([json!(null), json!(" ")].map(|none| priority(&notice(none))), [None, None]);
    for (words, expected) in [
        (vec![json!("low"), json!("high"), json!("medium")], Some(Priority::High)),
        (vec![json!("low"), json!(null)], Some(Priority::Medium)),
        (vec![json!("low"), json!("low")], Some(Priority::Low)),
        (vec![json!(null), json!(null)], None),
    ] {
        let batch: Vec<Value> = words.into_iter().map(notice).collect();
        assert_eq!(priority(&json!(batch)), expected, "{batch:?}");
    }
}

#[test]
fn what_is_wrong_with_a_notice_is_named() {
    let with = |field: &str, value: Value| {
        let mut body = json!({"recipient_user_id": 7, "message": "Hello"});
        body[field] = value;
        refusal(&body)
    };
    for (field, value, expected) in [
        ("message", json!(null), "the field \"message\" is missing"),
        ("message", json!(" "), "the field \"message\" is missing"),
        ("message", json!(5), "the field \"message\" must be a string, not a number"),
        ("title", json!([]), "the field \"title\" must be a string, not an array"),
        (
            "priority",
            json!("urgent"),
            "the field \"priority\" is \"urgent\", which is not one of high, medium, low",
        ),
        ("metadata", json!([1]), "the field \"metadata\" must be an object, not an array"),
        (
            "recipient_user_id",
            json!(1.5),
            "the field \"recipient_user_id\" must be a whole number or a text, not a number",
        ),
        ("recipient_user_ids", json!(5), "the field \"recipient_user_ids\" must be an array, not a number"),
        (
            "recipient_user_ids",
            json!([null]),
            "the field \"recipient_user_ids\" must be a whole number or a text, not null",
        ),
        ("recipients", json!([5]), "the field \"recipients\" must be a list of objects, not a number"),
        (
            "recipients",
            json!([{"email": 5}]),
            "the field \"recipients.email\" must be a string, not a number",
        ),
        (
            "recipient_user_id",
            json!(null),
            "it has no recipient: give \"recipient_user_id\", \"recipient_user_ids\" or \"recipients\"",
        ),
    ] {
        assert_eq!(with(field, value), expected);
    }
    let long = with("recipient_user_id", json!("x".repeat(256)));
    assert_eq!(long, "the field \"recipient_user_id\" has 256 characters; at most 255 are possible");
    let batch = refusal(&json!([{"recipient_user_id": 1, "message": "a"}, {"recipient_user_id": 2}]));
    assert_eq!(batch, "entry 2 of the array: the field \"message\" is missing");
    let mixed = refusal(&json!([{"recipient_user_id": 1, "message": "a"}, 5]));
    assert_eq!(mixed, "entry 2 of the array: it must be an object, not a number");
    assert!(refusal(&json!([1])).starts_with("the body is an array"));
    let of_event = refusal(&json!([{"type": "UPDATED", "event_id": 1}]));
    let told = "entry 1 of the array: it is no notice, because it names no recipients, and an array may hold notices only";
    assert!(of_event.starts_with(told), "{of_event}");
}

#[test]
fn there_is_a_most_for_recipients() {
    let ids = |count: u32| json!({"recipient_user_ids": (1..=count).collect::<Vec<_>>(), "message": "Hello"});
    assert_eq!(notice(&ids(10_000)).0.len(), 10_000);
    assert_eq!(
        refusal(&ids(10_001)),
        "it has 10001 recipients; at most 10000 are possible: publish several messages"
    );
}

#[test]
fn a_message_about_an_event_may_have_such_fields_of_its_own() {
    let body =
        json!({"type": "UPDATED", "event_id": "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "recipients": 5});
    assert_eq!(message(body.to_string().as_bytes(), KEYS).unwrap().kind, Kind::Updated);
    let word = json!({"type": "NOTICE", "event_id": 1});
    assert!(refusal(&word).starts_with("the type \"NOTICE\" is not one of CREATED"));
}

#[test]
fn digests_tell_notices_apart() {
    let digest = |body: Value| message(body.to_string().as_bytes(), KEYS).unwrap().digest();
    let first = digest(json!({"recipient_user_id": 7, "message": "Hello"}));
    assert_eq!(first.as_deref().map(str::len), Some(32));
    assert_eq!(digest(json!({"message": "Hello ", "recipient_user_ids": [7]})), first, "it says the same");
    for other in [
        json!({"recipient_user_id": 8, "message": "Hello"}),
        json!({"recipient_user_id": 7, "message": "hello"}),
        json!({"recipient_user_id": 7, "message": "Hello", "metadata": {"a": 1}}),
        json!([{"recipient_user_id": 7, "message": "Hello"}]),
    ] {
        assert_ne!(digest(other), first);
    }
    let event = json!({"type": "UPDATED", "event_id": "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"});
    assert_eq!(digest(event), None);
}

#[test]
fn a_reason_shows_the_beginning_of_a_word_only() {
    let long =
        refusal(&json!({"recipient_user_id": 7, "message": "Hello", "priority": "\u{200b}".repeat(20_000)}));
    assert!(long.len() < 500, "{} bytes", long.len());
}
