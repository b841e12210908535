//! What waits in the queues of the broker, as text and as JSON. Asking the broker is left to `broker::queue_state`.

use serde::Serialize;

use crate::broker::error::BrokerError;
use crate::broker::queue_state::QueueState;
use crate::text::clean::one_line;
use crate::text::count::count;

/// A line for each queue, and one for its dead letters if it has any. A broker that is away is a plain word.
#[must_use]
pub fn to_text(answer: &Result<Vec<QueueState>, BrokerError>) -> String {
    match answer {
        Ok(queues) => queues.iter().map(lines).collect(),
        Err(error) => format!("queues: not known, as {}\n", one_line(&error.to_string())),
    }
}

fn lines(state: &QueueState) -> String {
    let queue = &state.queue;
    let waiting = match (state.exists, state.ready, state.consumers) {
        (false, ..) => "does not exist yet; a worker declares it".to_owned(),
        (true, 0, 0) => "no message waits, and no consumer is connected".to_owned(),
        (true, ready, 0) => {
            format!("{}, and no consumer takes them. Start a worker with: fanmail worker", wait(ready))
        }
        (true, ready, consumers) => format!("{}, {}", wait(ready), count(consumers.into(), "consumer")),
    };
    let dead_letters = match state.dead_letters {
        0 => String::new(),
        number => format!(
            "queue {queue}.dead: {}; see: fanmail dead-letters list --by-reason\n",
            count(number.into(), "dead letter")
        ),
    };
    format!("queue {queue}: {waiting}\n{dead_letters}")
}

fn wait(ready: u32) -> String {
    match ready {
        0 => "no message waits".to_owned(),
        1 => "1 message waits".to_owned(),
        _ => format!("{ready} messages wait"),
    }
}

/// A queue as JSON. Scripts rely on these keys.
#[derive(Debug, Serialize)]
pub struct JsonQueue<'a> {
    queue: &'a str,
    exists: bool,
    ready: u32,
    consumers: u32,
    dead_letters: u32,
}

/// For programs.
#[must_use]
pub fn to_json(queues: &[QueueState]) -> Vec<JsonQueue<'_>> {
    queues.iter().map(json).collect()
}

fn json(state: &QueueState) -> JsonQueue<'_> {
    let QueueState { queue, exists, ready, consumers, dead_letters } = state;
    JsonQueue { queue, exists: *exists, ready: *ready, consumers: *consumers, dead_letters: *dead_letters }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_queue_is_a_line_and_what_is_wrong_says_what_to_do() {
        let state = |ready, consumers, dead_letters| QueueState {
            queue: "events".to_owned(),
            exists: true,
            ready,
            consumers,
            dead_letters,
        };
        let missing = QueueState { exists: false, ..state(0, 0, 0) };
        let queues = vec![state(12, 2, 0), state(1, 0, 3), state(0, 1, 1), state(0, 0, 0), missing];
        insta::assert_snapshot!(serde_json::to_string(&to_json(&queues[1..2])).unwrap(), @r#"[{"queue":"events","exists":true,"ready":1,"consumers":0,"dead_letters":3}]"#);
        insta::assert_snapshot!(to_text(&Ok(queues)), @r"
        queue events: 12 messages wait, 2 consumers
        queue events: 1 message waits, and no consumer takes them. Start a worker with: fanmail worker
        queue events.dead: 3 dead letters; see: fanmail dead-letters list --by-reason
        queue events: no message waits, 1 consumer
        queue events.dead: 1 dead letter; see: fanmail dead-letters list --by-reason
        queue events: no message waits, and no consumer is connected
        queue events: does not exist yet; a worker declares it
        ");
        insta::assert_snapshot!(to_text(&Err(BrokerError::NoAnswer(2))), @"queues: not known, as the broker has not answered within 2 s");
    }
}
