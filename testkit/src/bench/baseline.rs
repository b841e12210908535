//! What is kept of the instructions, and what is said when they change.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

/// Largest change that passes, in percent. The numbers repeat within 1 %, whatever else the machine does.
const TOLERANCE: f64 = 5.0;

/// Instructions of everything that is counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// What else they depend on. Only those that were made with the same are compared.
    pub made_with: String,
    /// By what they are for.
    pub instructions: BTreeMap<String, u64>,
}

/// What is kept, and what was found.
#[derive(Debug)]
pub struct Comparison<'a> {
    kept: &'a Baseline,
    found: &'a Baseline,
}

/// How one of them has changed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Change {
    /// Within the tolerance.
    Same,
    /// By so many percent.
    Grown(f64),
    /// By so many percent.
    Shrunk(f64),
    /// It is not kept.
    New,
    /// It is not counted any more.
    Gone,
}

impl Baseline {
    /// Reads what [`Self::to_json`] wrote.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn from_json(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }

    /// For the file.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("text and numbers can be written") + "\n"
    }

    /// Holds what was found against what is kept.
    pub fn compare<'a>(&'a self, found: &'a Self) -> Comparison<'a> {
        Comparison { kept: self, found }
    }
}

impl Comparison<'_> {
    /// Whether nothing has grown, and everything is kept that is counted; also when they cannot be compared.
    pub fn is_fine(&self) -> bool {
        !self.is_possible()
            || self.changes().all(|(_, change)| matches!(change, Change::Same | Change::Shrunk(_)))
    }

    fn is_possible(&self) -> bool {
        self.kept.made_with == self.found.made_with
    }

    fn changes(&self) -> impl Iterator<Item = (&str, Change)> {
        let (kept, found) = (&self.kept.instructions, &self.found.instructions);
        let names: BTreeSet<&String> = kept.keys().chain(found.keys()).collect();
        names.into_iter().map(|name| {
            let change = match (kept.get(name), found.get(name)) {
                (Some(&kept), Some(&found)) => Change::between(kept, found),
                (None, _) => Change::New,
                (_, None) => Change::Gone,
            };
            (name.as_str(), change)
        })
    }
}

impl Change {
    #[expect(clippy::cast_precision_loss, reason = "they are small enough")]
    fn between(kept: u64, found: u64) -> Self {
        let percent = 100.0 * (found as f64 - kept as f64) / kept as f64;
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
        write!(f, "{}", self.found)?;
        if !self.is_possible() {
            return writeln!(f, "Not compared: the baseline was made with {}", self.kept.made_with);
        }
        let count = |baseline: &Baseline, name| baseline.instructions.get(name).copied().unwrap_or_default();
        for (name, change) in self.changes() {
            let (kept, found) = (count(self.kept, name), count(self.found, name));
            match change {
                Change::Same => {}
                Change::Grown(percent) => writeln!(
                    f,
                    "{name}: from {kept} to {found} instructions, {percent:.1} % more; {TOLERANCE} % may pass. Is the \
                     cause worth it? Then accept it with scripts/instructions --accept, and commit both together"
                )?,
                Change::Shrunk(percent) => writeln!(
                    f,
                    "{name}: from {kept} to {found} instructions, {percent:.1} % less. Well done; record it with \
                     scripts/instructions --accept, so that it stays so"
                )?,
                Change::New => {
                    writeln!(
                        f,
                        "{name}: {found} instructions, not in the baseline; scripts/instructions --accept adds it"
                    )?;
                }
                Change::Gone => {
                    writeln!(
                        f,
                        "{name}: in the baseline, not counted; scripts/instructions --accept takes it out"
                    )?;
                }
            }
        }
        Ok(())
    }
}
