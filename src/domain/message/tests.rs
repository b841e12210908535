//! Message bodies: what is read, and what is told about one that cannot be.

use serde_json::json;

use super::*;
use crate::domain::ids::EventId;
use crate::domain::message::malformed::MAX_BODY;

mod details;
mod encoding;
mod envelopes;
mod notices;

fn message(body: &[u8], keys: EventKeyType) -> Result<Message, Malformed> {
    Message::decode(body, keys).map(|decoded| decoded.message)
}

fn reason(body: &[u8]) -> String {
    Message::decode(body, EventKeyType::Number).unwrap_err().to_string()
}

#[test]
fn reads_every_kind_and_ignores_unknown_fields() {
    for kind in Kind::OF_EVENTS {
        let body = format!(r#" {{"event_id": 7, "type": "{kind}", "sender": {{"a": [1]}}}} "#);
        assert_eq!(
            message(body.as_bytes(), EventKeyType::Number),
            Ok(Message::new(kind, EventId::Number(7)))
        );
    }
}

#[test]
fn every_integer_is_a_key() {
    for id in [0, -1, -5, i64::MIN, i64::MAX] {
        let body = format!(r#"{{"type":"UPDATED","event_id":{id}}}"#);
        let expected = Message::new(Kind::Updated, EventId::Number(id));
        for body in [body, expected.encode().unwrap()] {
            assert_eq!(message(body.as_bytes(), EventKeyType::Number).as_ref(), Ok(&expected));
        }
    }
}

#[test]
fn a_text_is_a_key_where_keys_are_text() {
    let read = |event_id: &str, keys| {
        let body = format!(r#"{{"type":"UPDATED","event_id":{event_id}}}"#);
        message(body.as_bytes(), keys).map(|read| {
            assert_eq!(message(read.encode().unwrap().as_bytes(), keys).as_ref(), Ok(&read));
            read.event_id.unwrap()
        })
    };
    let key = |text: &str| Ok(EventId::from_text(text).unwrap());
    for text in ["ab-c", "ABC", " ab ", "0123", "12", "d\u{e9}j\u{e0}", "\u{1f600}", "a\nb", "a\"b\\"] {
        assert_eq!(read(&json!(text).to_string(), EventKeyType::Text), key(text));
    }
    assert_eq!(read(r#""\u00e9\ud83d\ude00\/""#, EventKeyType::Text), key("\u{e9}\u{1f600}/"));
    assert_eq!(read("123", EventKeyType::Text), read(r#""123""#, EventKeyType::Text));
    let uuid = key("f81d4fae-7dec-11d0-a765-00a0c91e6bf6");
    assert_eq!(read(r#""{F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6}""#, EventKeyType::Uuid), uuid);
    let reason = |event_id: &str, keys| read(event_id, keys).unwrap_err().to_string();
    for (event_id, keys, expected) in [
        (
            r#""ab-c""#,
            EventKeyType::Uuid,
            "no event can have the event_id ab-c: it is not a UUID, as the keys of events are; write it as \
             f81d4fae-7dec-11d0-a765-00a0c91e6bf6 (capitals, braces, urn:uuid: and no hyphens are understood, too)",
        ),
        (
            "7",
            EventKeyType::Uuid,
            "no event can have the event_id 7: it is not a UUID, as the keys of events are; write it as \
             f81d4fae-7dec-11d0-a765-00a0c91e6bf6 (capitals, braces, urn:uuid: and no hyphens are understood, too)",
        ),
        (
            r#""\u0000""#,
            EventKeyType::Text,
            r#"no event can have the event_id "\0": it contains a NUL character"#,
        ),
        (r#"" ""#, EventKeyType::Text, r#"no event can have the event_id " ": it is empty"#),
        ("[]", EventKeyType::Text, "the field \"event_id\" must be a string, not an array"),
        ("null", EventKeyType::Uuid, "the field \"event_id\" must be a string, not null"),
    ] {
        assert_eq!(reason(event_id, keys), expected);
    }
    let long = reason(&json!("x".repeat(300)).to_string(), EventKeyType::Text);
    assert!(long.ends_with("x\u{2026}: it has 300 bytes; at most 200 are possible"), "{long}");
    assert!(long.chars().count() < 150, "{long}");
    for keys in [EventKeyType::Text, EventKeyType::Uuid] {
        for number in ["1.5", "9223372036854775808"] {
            let expected = format!(
                "the event_id {number} must be a string, in quotes: the keys of events here are {keys}"
            );
            assert_eq!(reason(number, keys), expected);
        }
    }
    assert!(reason("1.5", EventKeyType::Number).starts_with("the event_id 1.5 is not a whole number"));
}

#[test]
fn says_what_is_wrong() {
    assert_eq!(reason(b"\xff\xff"), "the body is not UTF-8 text");
    assert!(reason(b" ").starts_with("the body is empty; expected an object such as {\"type\""));
    assert!(reason(b"{\"type\":").starts_with("the body is not JSON"));
    assert!(reason(b"[1]").starts_with("the body is an array; expected an object such as {\"type\""));
    assert_eq!(reason(br#"{"event_id":1}"#), "the field \"type\" is missing");
    assert_eq!(reason(br#"{"type":"UPDATED"}"#), "the field \"event_id\" is missing");
    assert_eq!(reason(br#"{"type":3,"event_id":1}"#), "the field \"type\" must be a string, not a number");
    assert_eq!(
        reason(br#"{"type":"updated","event_id":1}"#),
        format!("the type \"updated\" is not one of {}", Kind::words())
    );
    assert_eq!(
        reason(br#"{"type":"UPDATED","event_id":"1"}"#),
        "the field \"event_id\" must be a whole number, not a string"
    );
    for id in ["1.5", "9223372036854775808", "-9223372036854775809", "1e3"] {
        let body = format!(r#"{{"type":"UPDATED","event_id":{id}}}"#);
        assert!(
            reason(body.as_bytes()).contains("is not a whole number from -9223372036854775808 to"),
            "{id}"
        );
    }
    assert!(reason(&vec![b' '; MAX_BODY + 1]).contains("65537 bytes"));
}

#[test]
fn what_is_no_json_in_utf_8_is_named() {
    const BODY: &[u8] = br#"{"type":"UPDATED","event_id":1}"#;
    let marked = [b"\xef\xbb\xbf", BODY].concat();
    assert!(reason(&marked).starts_with("the body begins with a byte order mark (EF BB BF)"));
    let wide = |big_endian: bool| -> Vec<u8> {
        BODY.iter().flat_map(|byte| if big_endian { [0, *byte] } else { [*byte, 0] }).collect()
    };
    for body in [
        wide(false),
        wide(true),
        [b"\xff\xfe", &wide(false)[..]].concat(),
        [b"\xfe\xff", &wide(true)[..]].concat(),
    ] {
        assert!(reason(&body).starts_with("the body is text in UTF-16"), "{}", reason(&body));
    }
    for (begin, name) in
        [(&b"\x1f\x8b\x08"[..], "gzip"), (b"\x78\x9c\xab", "zlib"), (b"\x28\xb5\x2f\xfd\x04", "zstd")]
    {
        let told =
            format!("the body is compressed or encoded ({name}), which fanmail does not undo; publish JSON");
        assert!(reason(begin).starts_with(&told), "{}", reason(begin));
    }
}

#[test]
fn a_message_that_says_how_it_is_encoded_is_believed_only_if_it_is_no_json() {
    let told = |body: &[u8], encoding: &str| {
        Message::decode(body, EventKeyType::Number)
            .map_err(|reason| reason.explained_by(Some(encoding)).to_string())
    };
    for (body, encoding) in
        [(&b"\x1f\x8b\x08"[..], "gzip"), (b"\x8b\x02\x80{}", "br"), (b"eyJ0eXBlIjox", "base64")]
    {
        let reason = told(body, encoding).unwrap_err();
        let wanted =
            format!("the body is compressed or encoded (content_encoding \"{encoding}\"), which fanmail");
        assert!(reason.starts_with(&wanted), "{reason}");
    }
    assert!(told(b"no", "utf-8").unwrap_err().starts_with("the body is not JSON"));
    assert!(told(b"[]", "gzip").unwrap_err().starts_with("the body is an array"));
    told(br#"{"type":"UPDATED","event_id":1}"#, "gzip").unwrap();
    assert!(told(b"no", &"x\n".repeat(5000)).unwrap_err().chars().count() < 250);
}

#[test]
fn a_long_type_is_shortened_and_deep_nesting_is_refused() {
    let body = format!(r#"{{"type":"{}","event_id":1}}"#, "é".repeat(1000));
    assert!(reason(body.as_bytes()).chars().count() < 120);
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    assert!(reason(deep.as_bytes()).contains("recursion limit"));
}
