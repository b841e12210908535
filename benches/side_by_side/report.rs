//! The result, as a table for people and as JSON for programs.

use std::fmt;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::Section;
use crate::row::{Figure, Goal, Row, Verdict, figure};

/// All sections that were measured.
#[derive(Default)]
pub struct Report {
    sections: Vec<(&'static Section, Vec<Row>)>,
}

impl Report {
    /// Adds what a section gave.
    pub fn add(&mut self, section: &'static Section, rows: Vec<Row>) {
        self.sections.push((section, rows));
    }

    fn rows(&self) -> impl Iterator<Item = &Row> {
        self.sections.iter().flat_map(|(_, rows)| rows)
    }

    /// Whether every row could be measured. A missed goal is a result, too.
    pub fn is_sound(&self) -> bool {
        !self.rows().any(|row| matches!(row.verdict(), Verdict::Refused(_) | Verdict::BrokenDown))
    }

    /// Writes the JSON file into this folder.
    pub fn write(&self, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        let text = serde_json::to_string_pretty(&self.json()).unwrap();
        fs::write(folder.join("bench.json"), text + "\n").unwrap();
    }

    fn json(&self) -> Value {
        let sections: Vec<Value> = self
            .sections
            .iter()
            .map(|(section, rows)| {
                let rows: Vec<Value> = rows.iter().map(row_json).collect();
                json!({ "name": section.name, "what": section.what, "how": section.how, "rows": rows })
            })
            .collect();
        json!({ "sections": sections })
    }
}

fn row_json(row: &Row) -> Value {
    let goal = match row.goal {
        None => Value::Null,
        Some(Goal::AtLeast(least)) => json!({ "at_least": least }),
        Some(Goal::AtMost(most)) => json!({ "at_most": most }),
    };
    let verdict = match row.verdict() {
        Verdict::Informs => "informs",
        Verdict::Met => "met",
        Verdict::Missed => "missed",
        Verdict::Refused(_) => "refused",
        Verdict::BrokenDown => "not measured",
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
        "samples": if row.value().is_some() { row.samples.as_slice() } else { &[] },
        "goal": goal,
        "verdict": verdict,
        "lost": row.faults.lost,
        "twice": row.faults.twice,
    })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (section, rows) in &self.sections {
            writeln!(f, "### {}\n\n{}\n", section.what, section.how)?;
            writeln!(f, "| | | min to max | goal | |\n| --- | ---: | ---: | ---: | --- |")?;
            for row in rows {
                let value =
                    row.value().map_or("–".to_owned(), |value| format!("{} {}", figure(value), row.unit));
                let value = if row.figure == Figure::P99 { format!("p99 {value}") } else { value };
                let spread = row
                    .spread()
                    .map_or(String::new(), |(min, max)| format!("{} to {}", figure(min), figure(max)));
                let goal = row.goal.map_or(String::new(), |goal| goal.to_string());
                writeln!(f, "| {} | {value} | {spread} | {goal} | {} |", row.what, row.verdict())?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
