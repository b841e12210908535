//! One row of the table: what was measured, its samples, its goal, and whether the goal is met.

use std::fmt;

use crate::bench::faults::Faults;

/// The goal of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// At least this.
    AtLeast(f64),
    /// At most this.
    AtMost(f64),
    /// Less than this.
    Below(f64),
}

/// The figure that stands for all samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// The median.
    Median,
    /// The 99th percentile.
    P99,
}

/// A row of the table.
#[derive(Debug, Clone)]
pub struct Row {
    /// What was measured, the first column.
    pub what: String,
    /// The unit of the samples and of the goal, such as `mails/s`; `×` for a ratio.
    pub unit: &'static str,
    /// One sample for each run, or for each mail.
    pub samples: Vec<f64>,
    /// The figure that is shown and judged.
    pub figure: Figure,
    /// None for a row that only informs.
    pub goal: Option<Goal>,
    /// The faults of all runs.
    pub faults: Faults,
    /// The place in the plot: the curve, and the number of connections.
    pub point: Option<(String, usize)>,
}

/// The result of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The row has no goal.
    Informs,
    /// The goal is met.
    Met,
    /// The goal is missed.
    Missed,
    /// Mails were lost or repeated, so there is no figure.
    Refused(Faults),
    /// It could not be measured.
    NotMeasured,
}

impl Row {
    /// A row whose figure is the median and that has no goal.
    pub fn new(what: impl Into<String>, unit: &'static str, samples: Vec<f64>) -> Self {
        Self {
            what: what.into(),
            unit,
            samples,
            figure: Figure::Median,
            goal: None,
            faults: Faults::default(),
            point: None,
        }
    }

    /// A row that could not be measured.
    pub fn not_measured(what: &str) -> Self {
        Self::new(what, "", Vec::new())
    }

    /// Sets the goal.
    pub fn goal(self, goal: Goal) -> Self {
        Self { goal: Some(goal), ..self }
    }

    /// Sets the faults of its runs.
    pub fn faults(self, faults: Faults) -> Self {
        Self { faults, ..self }
    }

    /// Sets the figure.
    pub fn figure(self, figure: Figure) -> Self {
        Self { figure, ..self }
    }

    /// Makes it a point of the plot, whose unit is mails/s.
    pub fn point(self, system: &str, connections: usize) -> Self {
        Self { point: Some((system.to_owned(), connections)), ..self }
    }

    /// The samples from the smallest to the largest.
    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.samples.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    /// The figure; none when the row is refused or could not be measured.
    pub fn value(&self) -> Option<f64> {
        let sorted = self.sorted();
        let last = sorted.len().checked_sub(1).filter(|_| self.faults.is_none())?;
        Some(match self.figure {
            Figure::Median => f64::midpoint(sorted[last / 2], sorted[sorted.len() / 2]),
            Figure::P99 => sorted[(sorted.len() * 99).div_ceil(100) - 1],
        })
    }

    /// The smallest and the largest sample; none when there is no figure.
    pub fn spread(&self) -> Option<(f64, f64)> {
        self.value()?;
        let sorted = self.sorted();
        Some((*sorted.first()?, *sorted.last()?))
    }

    /// The result of the row.
    pub fn verdict(&self) -> Verdict {
        if !self.faults.is_none() {
            return Verdict::Refused(self.faults);
        }
        let Some(value) = self.value() else {
            return Verdict::NotMeasured;
        };
        match self.goal {
            None => Verdict::Informs,
            Some(Goal::AtLeast(least)) if value >= least => Verdict::Met,
            Some(Goal::AtMost(most)) if value <= most => Verdict::Met,
            Some(Goal::Below(limit)) if value < limit => Verdict::Met,
            Some(_) => Verdict::Missed,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, "≥ {}", figure(*least)),
            Self::AtMost(most) => write!(f, "≤ {}", figure(*most)),
            Self::Below(limit) => write!(f, "< {}", figure(*limit)),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Informs => Ok(()),
            Self::Met => write!(f, "met"),
            Self::Missed => write!(f, "**missed**"),
            Self::Refused(faults) => write!(f, "**refused: {faults}**"),
            Self::NotMeasured => write!(f, "**not measured**"),
        }
    }
}

/// Three significant digits, and commas between thousands.
pub fn figure(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => {
            let digits = format!("{value:.0}");
            let mut out = String::new();
            for (index, digit) in digits.chars().enumerate() {
                if index > 0 && (digits.len() - index) % 3 == 0 {
                    out.push(',');
                }
                out.push(digit);
            }
            out
        }
        middling if middling >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
