//! What there is to say about dead letters: each one, all by their reasons, and what to do about each reason. Fetching them is left to
//! `broker`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::broker::dead_letters::view::DeadLetterView;

pub mod advice;
pub mod groups;
pub mod outdated;

/// A dead letter for programs, with its whole body.
#[must_use]
pub fn to_json(letter: &DeadLetterView) -> Value {
    let (exchange, routing_key) = letter.published_to.clone().unzip();
    let mut json = json!({
        "id": letter.id,
        "queue": letter.queue,
        "at": letter.at.map(time),
        "reason": letter.reason,
        "message_id": letter.message_id,
        "original_queue": letter.original_queue,
        "original_exchange": exchange,
        "original_routing_key": routing_key,
        "replays": letter.replays,
        "replayed_at": letter.replayed_at.map(time),
        "properties": letter.properties(),
        "headers": letter.headers(),
        "body": String::from_utf8_lossy(&letter.body),
    });
    if std::str::from_utf8(&letter.body).is_err() {
        json["body_base64"] = STANDARD.encode(&letter.body).into();
    }
    json
}

/// To the second, as the header has it.
pub(crate) fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::dead_letters::view::tests::dead_letter;

    #[test]
    fn json_has_the_whole_body_and_its_bytes_where_it_is_no_text() {
        let text = to_json(&dead_letter("00000000000000a1", "why", b"{\"a\":\n1}"));
        assert_eq!((&text["id"], &text["at"]), (&json!("00000000000000a1"), &json!("2026-01-02T12:00:00Z")));
        assert_eq!((&text["body"], text.get("body_base64")), (&json!("{\"a\":\n1}"), None));
        assert_eq!(text["headers"]["x-dead-reason"], "why");
        assert_eq!(text["properties"]["message_id"], "of-00000000000000a1");
        let bytes = to_json(&dead_letter("00000000000000a1", "why", b"a\xff"));
        assert_eq!((&bytes["body"], &bytes["body_base64"]), (&json!("a\u{fffd}"), &json!("Yf8=")));
    }
}
