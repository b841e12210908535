//! The schemas of `docs/schema/`, held against the decoder with examples and made-up messages: fanmail reads what a schema takes, so a
//! schema refuses what fanmail refuses for its form. Python's jsonschema decides what a schema takes.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails like the test itself")]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use fanmail::domain::event_key_type::EventKeyType;
use fanmail::domain::message::Message;
use serde_json::{Map, Value, json};
use testkit::installed::installed;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/schema");
/// The schemas of whole messages, and that of all of them.
const FORMS: [&str; 6] =
    ["bare.json", "event.json", "notice.json", "batch.json", "envelope.json", "cloud-event.json"];
const ALL: &str = "message.json";
/// The schemas of what fanmail publishes. That its code writes what they describe, tests beside the code show.
const PUBLISHED: [&str; 3] = ["reply.json", "notification-completed.json", "delivery-failed.json"];
/// How many messages are made up.
const MADE_UP: u64 = 3_000;

fn schema(name: &str) -> Value {
    serde_json::from_slice(&fs::read(Path::new(FOLDER).join(name)).unwrap()).unwrap()
}

fn examples(form: &str) -> Vec<Value> {
    schema(form)["examples"].as_array().unwrap_or_else(|| panic!("{form} has no examples")).clone()
}

/// Whether each message is valid by the schema that is named with it.
fn validate(messages: &[(&str, &Value)]) -> Vec<bool> {
    let mut validator = Command::new(installed("bin/python"))
        .args([concat!(env!("CARGO_MANIFEST_DIR"), "/tests/publishers/validate.py"), FOLDER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = validator.stdin.take().unwrap();
    input.write_all(json!(messages).to_string().as_bytes()).unwrap();
    drop(input);
    let output = validator.wait_with_output().unwrap();
    assert!(output.status.success(), "the validator failed; its reason is above");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Where keys are text, a number is one, too.
fn decodes(message: &Value) -> Result<(), String> {
    let decoded = Message::decode(message.to_string().as_bytes(), EventKeyType::Text);
    decoded.map(drop).map_err(|reason| reason.to_string())
}

#[test]
fn examples_are_valid_and_are_read() {
    let examples: Vec<(&str, Value)> = FORMS
        .into_iter()
        .flat_map(|form| examples(form).into_iter().flat_map(move |one| [(form, one.clone()), (ALL, one)]))
        .collect();
    let borrowed: Vec<_> = examples.iter().map(|(form, message)| (*form, message)).collect();
    for ((form, message), valid) in borrowed.iter().zip(validate(&borrowed)) {
        assert!(valid, "not valid by {form}: {message}");
        assert_eq!(decodes(message), Ok(()), "{message}");
    }
}

#[test]
fn examples_of_what_is_published_are_valid_and_less_is_not() {
    for form in PUBLISHED {
        for example in examples(form) {
            let fields: Vec<String> = example.as_object().unwrap().keys().cloned().collect();
            let without = fields.iter().map(|field| {
                let mut less = example.clone();
                less.as_object_mut().unwrap().remove(field);
                less
            });
            let messages: Vec<Value> = std::iter::once(example.clone()).chain(without).collect();
            let valid = validate(&messages.iter().map(|message| (form, message)).collect::<Vec<_>>());
            assert_eq!((valid[0], valid[1..].contains(&true)), (true, false), "{form}: {example}");
        }
    }
}

#[test]
fn what_a_schema_takes_is_read() {
    let examples: Vec<Value> = FORMS.into_iter().flat_map(examples).collect();
    let made_up: Vec<Value> = (0..MADE_UP).map(|seed| made_up(seed, &examples)).collect();
    let by_all: Vec<_> = made_up.iter().map(|message| (ALL, message)).collect();
    let (mut taken, mut refused_by_both) = (0, 0);
    for ((_, message), valid) in by_all.iter().zip(validate(&by_all)) {
        let decoded = decodes(message);
        if valid {
            assert_eq!(decoded, Ok(()), "valid by {ALL}: {message}");
            taken += 1;
        } else if decoded.is_err() {
            refused_by_both += 1;
        }
    }
    // The messages are worth reading: many of either sort.
    assert!(taken > MADE_UP / 10 && refused_by_both > MADE_UP / 10, "{taken} {refused_by_both}");
}

/// An example with a few changes.
fn made_up(seed: u64, examples: &[Value]) -> Value {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut message = random.choice(examples).unwrap().clone();
    for _ in 0..random.usize(1..4) {
        change(&mut random, &mut message, examples);
    }
    message
}

/// Changes the message itself, or something in it.
fn change(random: &mut fastrand::Rng, value: &mut Value, examples: &[Value]) {
    let fields = match value {
        Value::Object(fields) => fields,
        Value::Array(values) if !values.is_empty() && random.u8(0..4) > 0 => {
            let place = random.usize(0..values.len());
            change(random, &mut values[place], examples);
            return;
        }
        other => {
            *other = any_value(random, examples);
            return;
        }
    };
    let names: Vec<String> = fields.keys().cloned().collect();
    let name = random.choice(names).unwrap_or_else(|| "type".to_owned());
    match random.u8(0..10) {
        0 | 1 => drop(fields.remove(&name)),
        2 => {
            let moved = fields.remove(&name).unwrap_or_default();
            fields.insert(any_name(random), moved);
        }
        3 | 4 => drop(fields.insert(any_name(random), any_value(random, examples))),
        5 => {
            let inner = std::mem::take(value);
            *value = json!({"payload": inner, "_meta": {}});
        }
        _ => match fields.get_mut(&name) {
            Some(inner) if (inner.is_object() || inner.is_array()) && random.u8(0..4) > 0 => {
                change(random, inner, examples);
            }
            Some(inner) => *inner = any_value(random, examples),
            None => {}
        },
    }
}

fn any_name(random: &mut fastrand::Rng) -> String {
    const NAMES: [&str; 30] = [
        "recipient_user_id",
        "recipient_user_ids",
        "recipients",
        "priority",
        "notification_type",
        "email",
        "name",
        "locale",
        "type",
        "event_id",
        "event",
        "event_name",
        "start_time",
        "end_time",
        "note",
        "reason",
        "metadata",
        "payload",
        "_meta",
        "id",
        "timestamp",
        "specversion",
        "source",
        "time",
        "data",
        "datacontenttype",
        "url",
        "title",
        "message",
        "other",
    ];
    random.choice(NAMES).unwrap().to_owned()
}

/// Without what `common.json` names as the limits of JSON Schema: days that a month does not have, 1.0, and lengths in bytes.
fn any_value(random: &mut fastrand::Rng, examples: &[Value]) -> Value {
    const TEXTS: [&str; 29] = [
        "high",
        "HIGH",
        "urgent",
        "",
        " ",
        "a",
        "\0",
        "a\0",
        "é",
        "CREATED",
        "UPDATED",
        "CANCELLED",
        "REMINDER",
        "updated",
        "event_created",
        "event_reminder",
        "event_",
        "1.0",
        "application/json",
        "application/vnd.a+json; charset=utf-8",
        "text/plain",
        "2026-11-21",
        "2026-11-21T09:00:00Z",
        "2026-11-21 09:00:00+01:00",
        "2026-11-21T09:00",
        "2026-13-01T09:00:00Z",
        "1795251600",
        "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        "yesterday",
    ];
    match random.u8(0..10) {
        0 => Value::Null,
        1 => json!(random.bool()),
        2 => json!(
            *random.choice(&[0_i64, -1, 7, i64::MIN, i64::MAX, 1_795_251_600, 1_795_251_600_000]).unwrap()
        ),
        3 => json!(*random.choice(&[0.5, -0.5, 1e300, 1_795_251_600.5]).unwrap()),
        4 => json!(*random.choice(&[u64::MAX, 1 << 63]).unwrap()),
        5 => json!([random.u8(..)]),
        6 => Value::Object(Map::new()),
        7 => random.choice(examples).unwrap().clone(),
        8 => json!("x".repeat(*random.choice(&[199, 200, 201, 1_001]).unwrap())),
        _ => json!(*random.choice(&TEXTS).unwrap()),
    }
}
