//! The result of scripts/bench, as a table and as JSON.

use std::fmt;

use serde_json::{Value, json};

use crate::bench::row::{Figure, Goal, Row, Verdict, figure};

/// Rows that were measured together.
pub struct Part {
    /// The name of the section on the command line.
    pub name: &'static str,
    /// The heading.
    pub what: &'static str,
    /// The text below it.
    pub how: &'static str,
    /// What was measured.
    pub rows: Vec<Row>,
}

/// All results.
pub struct Report {
    /// Whether the counts were too small for a result.
    pub quick: bool,
    /// Number of rounds.
    pub rounds: usize,
    /// The facts about the machine: name and value.
    pub machine: Vec<(&'static str, String)>,
    /// In the order of measurement.
    pub parts: Vec<Part>,
}

impl Report {
    /// The rows of all parts.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.parts.iter().flat_map(|part| &part.rows)
    }

    /// Whether each row could be measured. A missed goal is a result.
    pub fn is_valid(&self) -> bool {
        !self.rows().any(|row| matches!(row.verdict(), Verdict::Refused(_) | Verdict::NotMeasured))
    }

    /// All results with each sample.
    pub fn json(&self) -> Value {
        let parts: Vec<Value> = self
            .parts
            .iter()
            .map(|Part { name, what, how, rows }| {
                let rows: Vec<Value> = rows.iter().map(row_json).collect();
                json!({ "name": name, "what": what, "how": how, "rows": rows })
            })
            .collect();
        let machine: Value =
            self.machine.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        json!({ "quick": self.quick, "rounds": self.rounds, "machine": machine, "parts": parts })
    }
}

fn row_json(row: &Row) -> Value {
    let goal = match row.goal {
        None => Value::Null,
        Some(Goal::AtLeast(least)) => json!({ "at_least": least }),
        Some(Goal::AtMost(most)) => json!({ "at_most": most }),
        Some(Goal::Below(limit)) => json!({ "below": limit }),
    };
    let verdict = match row.verdict() {
        Verdict::Informs => "informs",
        Verdict::Met => "met",
        Verdict::Missed => "missed",
        Verdict::Refused(_) => "refused",
        Verdict::NotMeasured => "not measured",
    };
    let figure = match row.figure {
        Figure::Median => "median",
        Figure::P99 => "p99",
    };
    let spread = row.spread();
    json!({
        "what": row.what,
        "unit": row.unit,
        "figure": figure,
        "value": row.value(),
        "min": spread.map(|(min, _)| min),
        "max": spread.map(|(_, max)| max),
        // No value where there is no result.
        "samples": if row.value().is_some() { row.samples.as_slice() } else { &[] },
        "goal": goal,
        "verdict": verdict,
        "lost": row.faults.lost,
        "twice": row.faults.twice,
    })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.quick {
            writeln!(f, "**A quick run: it shows that everything works, and its figures mean nothing.**\n")?;
        }
        for (name, value) in &self.machine {
            writeln!(f, "- {name}: {value}")?;
        }
        let rounds = self.rounds;
        writeln!(
            f,
            "- figures are medians of {rounds} rounds, or of one where a round takes more than a minute"
        )?;
        for Part { what, how, rows, .. } in &self.parts {
            writeln!(f, "\n### {what}\n\n{how}\n")?;
            writeln!(f, "| | figure | min to max | goal | |\n| --- | ---: | ---: | ---: | --- |")?;
            for row in rows {
                write_row(f, row)?;
            }
        }
        Ok(())
    }
}

fn write_row(f: &mut fmt::Formatter<'_>, row: &Row) -> fmt::Result {
    let kind = if row.figure == Figure::P99 { "p99 " } else { "" };
    let value = row.value().map_or("–".to_owned(), |value| format!("{kind}{} {}", figure(value), row.unit));
    // One sample has no spread.
    let spread = row.spread().filter(|_| row.samples.len() > 1);
    let spread = spread.map_or(String::new(), |(min, max)| format!("{} to {}", figure(min), figure(max)));
    let goal = row.goal.map_or(String::new(), |goal| goal.to_string());
    writeln!(f, "| {} | {value} | {spread} | {goal} | {} |", row.what, row.verdict())
}
