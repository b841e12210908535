//! What is wrong in one sentence, and what to do: the first thing that a person wants to know. The sentences about notifications are left
//! to `advice`, those about a part to `observe`.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDateTime;
use serde::Serialize;

use crate::observe::health::{Health, NOTE_PREFIX};
use crate::process_id;
use crate::report::overview::Overview;
use crate::report::{advice, bounces, outbox};
use crate::store::ledger::bounce_counts::BounceCount;
use crate::store::ledger::outbox::OutboxSummary;
use crate::text::count::grouped;

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Nothing needs attention.
    Well,
    /// Something is worth knowing.
    Note,
    /// An operator has to do something, and mails go out.
    Attention,
    /// Mails do not go out, or messages are not taken.
    Trouble,
}

/// What is wrong, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// How it is.
    pub level: Level,
    /// In one sentence.
    pub headline: String,
    /// Each with what to do.
    pub problems: Vec<String>,
    /// What is worth knowing.
    pub notes: Vec<String>,
}

/// What to type when a part of a worker has a problem.
const FIND_OUT: &str = "To see the cause and what to do: fanmail check";

impl Verdict {
    /// Of a database that does not answer, by the process with this `health`.
    #[must_use]
    pub fn without_database(health: &Health) -> Self {
        let mut problems = lines(&health.problems());
        if problems.is_empty() {
            problems.push("database: it does not answer, or is not open yet".to_owned());
        }
        problems.push(FIND_OUT.to_owned());
        let headline = "The database does not answer".to_owned();
        Self { level: Level::Trouble, headline, problems, notes: lines(&health.notes()) }
    }

    /// Of what was read from the database, by the process with this `health`. `dead_letters`: how many the queues have, by their names, without
    /// those that have none.
    #[must_use]
    pub fn new(
        health: &Health,
        overview: &Overview,
        bounce_counts: &[BounceCount],
        outbox_summary: &OutboxSummary,
        dead_letters: &BTreeMap<String, u64>,
        now: NaiveDateTime,
    ) -> Self {
        let Overview { workers, lines: notifications, .. } = overview;
        let this = process_id::this_process();
        let this = process_id::display_name(&this);
        let mut of_parts = merged(lines(&health.problems()), workers.problems_of_others(this));
        of_parts.extend(workers.silent());
        let of_notifications = advice::problems(notifications);
        let mut notes = merged(lines(&health.notes()), workers.notes_of_others(this));
        let of_relay = notes.iter().any(|note| part_of(note) == "relay");
        let gone = workers.gone();
        let what_is_worth_knowing = match (of_relay, gone.is_empty(), dead_letters.is_empty()) {
            (true, ..) => "Mails go out more slowly: the relay asks for fewer",
            (_, false, _) => "A worker was killed or has crashed",
            (.., false) => "Some messages could not be processed",
            _ => "Everything works",
        };
        notes.extend(gone);
        notes.extend(of_dead_letters(dead_letters));
        notes.extend(advice::advice(notifications, now, workers.are_running()));
        notes.extend(bounces::advice(bounce_counts));
        notes.extend(outbox::advice(outbox_summary, now));
        let (level, headline) = match (of_parts.first(), of_notifications.len()) {
            (Some(first), _) => (Level::Trouble, of_part(first).to_owned()),
            (None, 0) if notes.is_empty() => (Level::Well, "Everything works".to_owned()),
            (None, 0) => (Level::Note, what_is_worth_knowing.to_owned()),
            (None, 1) => (Level::Attention, "A notification needs attention".to_owned()),
            (None, _) => (Level::Attention, "Some notifications need attention".to_owned()),
        };
        let mut problems = of_parts;
        if !problems.is_empty() {
            problems.push(FIND_OUT.to_owned());
        }
        problems.extend(of_notifications);
        Self { level, headline, problems, notes }
    }
}

/// How many there are, and what to type.
fn of_dead_letters(counts: &BTreeMap<String, u64>) -> Option<String> {
    let named: Vec<String> =
        counts.iter().map(|(queue, number)| format!("{} of {queue}", grouped(*number))).collect();
    (!named.is_empty()).then(|| {
        format!(
            "Dead letters: {}. Why, and what to do: fanmail dead-letters list --by-reason",
            named.join(", ")
        )
    })
}

/// The part that a line is about. `worker web-2:913: ` may stand before it.
fn part_of(line: &str) -> &str {
    line.split(": ").find(|words| !words.starts_with("worker ")).unwrap_or_default()
}

/// What a problem of a part comes to.
fn of_part(problem: &str) -> &'static str {
    match part_of(problem) {
        "broker" => "Messages are not taken: the broker has a problem",
        "database" => "Everything waits: the database has a problem",
        "relay" => "Mails are not sent: the relay has a problem",
        "dead letters" => "Messages that cannot be sent are not put away",
        _ => "A part of fanmail has a problem",
    }
}

/// The lines of this process, and those of other workers about parts that no line before is about: one relay that is down is one problem.
fn merged(own: Vec<String>, of_others: Vec<(String, String)>) -> Vec<String> {
    let part = |line: &str| line.split(':').next().unwrap_or_default().to_owned();
    let mut parts: BTreeSet<String> = own.iter().map(|line| part(line)).collect();
    let news = of_others.into_iter().filter(|(_, line)| parts.insert(part(line)));
    own.into_iter().chain(news.map(|(worker, line)| format!("worker {worker}: {line}"))).collect()
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(|line| line.trim_start_matches(NOTE_PREFIX).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::health::Part;
    use crate::report::notifications::NotificationLine;
    use crate::report::notifications::tests::line;
    use crate::report::workers::Workers;
    use crate::store::ledger::row::NotificationState;
    use crate::store::workers::Worker;
    use std::time::Duration;

    fn verdict(health: &Health, troubles: &str, lines: Vec<NotificationLine>) -> Verdict {
        let started_at: NaiveDateTime = "2026-11-21T08:00:00".parse().unwrap();
        let other = Worker {
            name: "web-2:913:8123:0:4026:1f2e".to_owned(),
            started_at,
            silent_for: Duration::ZERO,
            troubles: troubles.to_owned(),
        };
        let workers = Workers::new(vec![other], Duration::from_secs(60));
        let overview = Overview { workers, lines, hidden: 0 };
        Verdict::new(health, &overview, &[], &OutboxSummary::default(), &BTreeMap::new(), started_at)
    }

    #[test]
    fn dead_letters_are_worth_knowing() {
        let overview =
            Overview { workers: Workers::new(Vec::new(), Duration::ZERO), lines: Vec::new(), hidden: 0 };
        let dead_letters = [("events".to_owned(), 1), ("notices".to_owned(), 2000)].into();
        let now = "2026-11-21T08:00:00".parse().unwrap();
        let verdict =
            Verdict::new(&Health::default(), &overview, &[], &OutboxSummary::default(), &dead_letters, now);
        assert_eq!(
            (verdict.level, verdict.headline.as_str()),
            (Level::Note, "Some messages could not be processed")
        );
        assert_eq!(
            verdict.notes,
            [
                "Dead letters: 1 of events, 2,000 of notices. Why, and what to do: fanmail dead-letters list --by-reason"
            ]
        );
    }

    #[test]
    fn what_stops_mails_comes_before_what_is_wrong_with_some() {
        let health = Health::default();
        let well = verdict(&health, "", Vec::new());
        assert_eq!((well.level, well.headline.as_str()), (Level::Well, "Everything works"));
        let failed = || line(1, NotificationState::Completed, [3, 1, 2, 0, 0]);
        let note = verdict(&health, "", vec![failed()]);
        assert_eq!((note.level, note.notes.len(), note.problems.len()), (Level::Note, 1, 0));
        let slow =
            verdict(&health, "note: relay: asks for fewer mails: 2 a second at the moment\n", Vec::new());
        assert_eq!(
            (slow.level, slow.headline.as_str()),
            (Level::Note, "Mails go out more slowly: the relay asks for fewer")
        );
        let pending = || line(2, NotificationState::Completed, [3, 2, 0, 0, 1]);
        let attention = verdict(&health, "", vec![failed(), pending()]);
        assert_eq!(attention.level, Level::Attention);
        assert!(attention.problems[0].contains("fanmail retry --notification 2"), "{attention:?}");
        health.set_problem(Part::Relay, "down since noon".to_owned());
        let trouble = verdict(&health, "relay: down since two\nbroker: refused\n", vec![pending()]);
        insta::assert_snapshot!(serde_json::to_string_pretty(&trouble).unwrap(), @r#"
        {
          "level": "trouble",
          "headline": "Mails are not sent: the relay has a problem",
          "problems": [
            "relay: down since noon",
            "worker web-2:913: broker: refused",
            "To see the cause and what to do: fanmail check",
            "notification 2 is completed, but 1 participant got no mail: a `fanmail retry` was interrupted, or participants were added with a lower key than existing ones; send with: fanmail retry --notification 2"
          ],
          "notes": []
        }
        "#);
        let of_other = verdict(&Health::default(), "broker: refused\n", Vec::new());
        assert_eq!(of_other.headline, "Messages are not taken: the broker has a problem");
        let away = Verdict::without_database(&Health::default());
        assert_eq!((away.level, away.problems.len()), (Level::Trouble, 2));
    }
}
