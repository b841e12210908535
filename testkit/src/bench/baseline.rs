//! The baseline of instruction counts, and the report of how they have changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

/// Largest accepted change, in percent. The counts repeat within 1 %, whatever else the machine does.
const TOLERANCE: f64 = 5.0;

/// Counted instructions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// Compiler, processor and C library. Only counts that were made with the same ones are compared.
    pub made_with: String,
    /// The counts by what was measured.
    pub instructions: BTreeMap<String, u64>,
}

/// The baseline and the counts of today.
#[derive(Debug)]
pub struct Comparison<'a> {
    baseline: &'a Baseline,
    counted: &'a Baseline,
}

/// How one count has changed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Change {
    /// Within the tolerance.
    Same,
    /// Grown by this many percent.
    Grown(f64),
    /// Shrunk by this many percent.
    Shrunk(f64),
    /// Not in the baseline.
    New,
    /// In the baseline, and not counted today.
    Gone,
}

impl Baseline {
    /// Reads what [`Self::to_json`] wrote.
    ///
    /// # Errors
    /// When the text is anything else.
    pub fn from_json(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }

    /// The text of the file.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("text and numbers can be written") + "\n"
    }

    /// Compares the counts of today with this baseline.
    pub fn compare<'a>(&'a self, counted: &'a Self) -> Comparison<'a> {
        Comparison { baseline: self, counted }
    }
}

impl Comparison<'_> {
    /// Whether nothing has grown and the baseline has all that is counted. Also `true` when the two cannot be compared.
    pub fn passes(&self) -> bool {
        !self.is_possible()
            || self.changes().all(|(_, change)| matches!(change, Change::Same | Change::Shrunk(_)))
    }

    fn is_possible(&self) -> bool {
        self.baseline.made_with == self.counted.made_with
    }

    fn changes(&self) -> impl Iterator<Item = (&str, Change)> {
        let (baseline, counted) = (&self.baseline.instructions, &self.counted.instructions);
        let names: BTreeSet<&String> = baseline.keys().chain(counted.keys()).collect();
        names.into_iter().map(|name| {
            let change = match (baseline.get(name), counted.get(name)) {
                (Some(&baseline), Some(&counted)) => Change::between(baseline, counted),
                (None, _) => Change::New,
                (_, None) => Change::Gone,
            };
            (name.as_str(), change)
        })
    }
}

impl Change {
    #[expect(clippy::cast_precision_loss, reason = "they are small enough")]
    fn between(baseline: u64, counted: u64) -> Self {
        let percent = 100.0 * (counted as f64 - baseline as f64) / baseline as f64;
        match percent {
            more if more > TOLERANCE => Self::Grown(more),
            less if less < -TOLERANCE => Self::Shrunk(-less),
            _ => Self::Same,
        }
    }
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.made_with)?;
        self.instructions
            .iter()
            .try_for_each(|(name, count)| writeln!(f, "  {name:24} {count:>9} instructions"))
    }
}

impl fmt::Display for Comparison<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.counted)?;
        if !self.is_possible() {
            return writeln!(f, "Not compared: the baseline was made with {}", self.baseline.made_with);
        }
        let count = |baseline: &Baseline, name| baseline.instructions.get(name).copied().unwrap_or_default();
        for (name, change) in self.changes() {
            let (baseline, counted) = (count(self.baseline, name), count(self.counted, name));
            match change {
                Change::Same => {}
                Change::Grown(percent) => writeln!(
                    f,
                    "{name}: from {baseline} to {counted} instructions, {percent:.1} % more ({TOLERANCE} % are \
                     accepted). If the cause is worth it, run scripts/instructions --accept and commit both together"
                )?,
                Change::Shrunk(percent) => writeln!(
                    f,
                    "{name}: from {baseline} to {counted} instructions, {percent:.1} % less. Run \
                     scripts/instructions --accept, so that a later growth is noticed"
                )?,
                Change::New => {
                    writeln!(
                        f,
                        "{name}: {counted} instructions, not in the baseline; add it with scripts/instructions --accept"
                    )?;
                }
                Change::Gone => {
                    writeln!(
                        f,
                        "{name}: in the baseline, not counted; remove it with scripts/instructions --accept"
                    )?;
                }
            }
        }
        Ok(())
    }
}
