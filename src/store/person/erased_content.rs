//! What stays of a message that was for an erased person alone: what fanmail needs to show the notification.

use serde_json::{Value, json};

use crate::domain::message::details::{MessageDetails, Notice, ROUTING_KEY, Routed};
use crate::domain::written_address::ERASED;

/// The details of the message without its texts; `None` if nothing stays.
pub(super) fn erased_content(content: &str) -> Option<String> {
    let details: MessageDetails = serde_json::from_str(content).unwrap_or_default();
    let routing_key = details.routing_key().map(str::to_owned);
    let routed = details.routed.map(|routed| Routed {
        template: routed.template,
        meta: routing_key.map(|key| (ROUTING_KEY.to_owned(), Value::String(key))).into_iter().collect(),
        ..Routed::default()
    });
    let notice = details.notice.map(|_| Notice { message: ERASED.to_owned(), ..Notice::default() });
    let left = MessageDetails { notice, event: details.event, routed, ..MessageDetails::default() };
    (left != MessageDetails::default()).then(|| json!(left).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_taken_away_and_what_names_the_templates_stays() {
        let content = json!({
            "note": "n", "reason": "r", "metadata": {"seat": "7"},
            "notice": {"message": "Dear Ann", "title": "t", "url": "u"},
            "event": {"title": "Ball"},
            "routed": {"template": "welcome", "payload": {"name": "Ann"}, "meta": {"routing_key": "a.b", "x": 1}},
        });
        let expected = json!({
            "notice": {"message": "(erased)"},
            "event": {"title": "Ball"},
            "routed": {"template": "welcome", "payload": {}, "meta": {"routing_key": "a.b"}},
        });
        let left = erased_content(&content.to_string()).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&left).unwrap(), expected);
        assert_eq!(erased_content(r#"{"note":"n"}"#), None);
        assert_eq!(erased_content("no JSON"), None);
    }
}
