//! What there is to say about the table outbox: rows that wait although no worker takes them, and rows that cannot be sent.

use chrono::{NaiveDateTime, TimeDelta};

use crate::store::ledger::outbox::OutboxSummary;
use crate::text::count::count;

/// Problems that are named.
pub const NAMED: u32 = 3;

/// A row that waits for longer is told: a worker takes it within milliseconds.
const GRACE: TimeDelta = TimeDelta::minutes(1);

/// One line for each thing, none if all is well.
#[must_use]
pub fn advice(outbox: &OutboxSummary, now: NaiveDateTime) -> Vec<String> {
    [waiting(outbox, now), problems(outbox)].into_iter().flatten().collect()
}

fn waiting(outbox: &OutboxSummary, now: NaiveDateTime) -> Option<String> {
    let since = outbox.waiting_since.filter(|since| now - *since > GRACE)?;
    Some(format!(
        "The outbox has {} that no worker has taken, the oldest since {}. If no worker takes from it, start one with: OUTBOX=True \
         fanmail worker",
        count(outbox.waiting, "row"),
        since.format("%F %TZ")
    ))
}

fn problems(outbox: &OutboxSummary) -> Option<String> {
    if outbox.problems == 0 {
        return None;
    }
    let named: Vec<String> =
        outbox.newest_problems.iter().map(|(id, problem)| format!("row {id} ({problem})")).collect();
    let more = outbox.problems.saturating_sub(named.len() as u64);
    let more = if more == 0 { String::new() } else { format!(", and {more} more") };
    Some(format!(
        "Rows of the outbox that are not sent: {}{more}. Correct the application. To have a row taken again, correct it, and set its \
         taken_at and its problem to NULL",
        named.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_long_and_what_cannot_be_sent_is_told() {
        let now: NaiveDateTime = "2026-11-26T10:00:00".parse().unwrap();
        assert!(advice(&OutboxSummary::default(), now).is_empty());
        let outbox = |minutes| OutboxSummary {
            waiting: 12,
            waiting_since: Some(now - TimeDelta::minutes(minutes)),
            scheduled: 3,
            problems: 0,
            newest_problems: Vec::new(),
        };
        assert!(advice(&outbox(1), now).is_empty());
        let problem = (31, "the field \"type\" is missing".to_owned());
        let bad = OutboxSummary { problems: 2, newest_problems: vec![problem], ..outbox(2) };
        insta::assert_snapshot!(advice(&bad, now).join("\n"), @r#"
        The outbox has 12 rows that no worker has taken, the oldest since 2026-11-26 09:58:00Z. If no worker takes from it, start one with: OUTBOX=True fanmail worker
        Rows of the outbox that are not sent: row 31 (the field "type" is missing), and 1 more. Correct the application. To have a row taken again, correct it, and set its taken_at and its problem to NULL
        "#);
    }
}
