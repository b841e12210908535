//! What to do about a dead letter, by its reason. The reasons are written where a message is refused: `domain/message`, `routes` and `worker`.

/// What to do about dead letters with this reason.
#[must_use]
pub fn what_to_do(reason: Option<&str>) -> &'static str {
    let Some(reason) = reason else {
        return "No worker has put it there: find out which program did. A replay publishes it to the queue whose dead letters these are";
    };
    let begins = |words: &[&str]| words.iter().any(|word| reason.starts_with(word));
    let has = |words: &str| reason.contains(words);
    if begins(&["event "]) && has(" is not in the database") {
        "If the event is missing by mistake, put it back into the database, then replay. If it is gone for good, purge"
    } else if has("it is stale: ") {
        "If its mails are still wanted, replay: STALE_AFTER counts from the replay on. If not, purge"
    } else if begins(&["it has no message_id"]) {
        "Let the publisher set a message_id. A replay gives it one"
    } else if has(" was used before, by notification ") {
        "Let the publisher give every message an id of its own. As it is, a replay gives the same dead letter again: if its mails are \
         wanted, publish its body with a new id (fanmail publish --payload), then purge"
    } else if begins(&["no route of ", "the route "]) {
        "If a route is missing or wrong, correct ROUTES_FILE and restart the workers, then replay. If the publisher is wrong, purge"
    } else if begins(&["its notification was deleted"]) {
        "Put its route back into ROUTES_FILE and restart the workers, then replay: everyone is mailed, also those who had the mail"
    } else if begins(&["the broker moved it here"]) {
        "If its mails are still wanted, replay. If not, purge. The broker moves messages by a policy or an argument of the queue"
    } else {
        "Correct the publisher. As it is, a replay gives the same dead letter again, unless the workers are newer now: publish a corrected \
         message, then purge"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::message::malformed::Malformed;

    #[test]
    fn each_reason_has_what_to_do() {
        let malformed = Malformed::NotUtf8.to_string();
        let advice = |reason: &str| what_to_do(Some(reason));
        for (reason, beginning) in [
            ("event 7 is not in the database, and did not appear within 60 s", "If the event is missing"),
            (
                "it is stale: it was published at 2026-11-26",
                "If its mails are still wanted, replay: STALE_AFTER",
            ),
            ("it has no message_id, or one that", "Let the publisher set a message_id"),
            (
                "its message_id was used before, by notification 2 for UPDATED",
                "Let the publisher give every message",
            ),
            ("no route of routes.toml matches its routing key", "If a route is missing"),
            ("the route \"a\" of routes.toml matches", "If a route is missing"),
            ("its notification was deleted from the database", "Put its route back"),
            ("the broker moved it here from the queue", "If its mails are still wanted, replay. If not"),
            (malformed.as_str(), "Correct the publisher"),
        ] {
            assert!(advice(reason).starts_with(beginning), "{reason}: {}", advice(reason));
        }
        assert!(what_to_do(None).starts_with("No worker has put it there"));
    }
}
