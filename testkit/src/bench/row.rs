//! One row of the table: what was measured, its samples, its goal, and whether that is met.

use std::fmt;

use crate::bench::faults::Faults;

/// What a row has to reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
    /// Less than this.
    Below(f64),
}

/// Which figure stands for all samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// The middle one.
    Median,
    /// The one that 99 of 100 do not exceed.
    P99,
}

/// A row of the table.
#[derive(Debug, Clone)]
pub struct Row {
    /// What was measured, the first column.
    pub what: String,
    /// Of the samples and the goal, such as `mails/s`; `×` for a ratio.
    pub unit: &'static str,
    /// One for each run, or for each mail.
    pub samples: Vec<f64>,
    /// Which of them is shown and judged.
    pub figure: Figure,
    /// None for a row that only informs.
    pub goal: Option<Goal>,
    /// Of all runs that the samples are made of.
    pub faults: Faults,
    /// Where it is in the plot: whose curve, and at how many connections.
    pub point: Option<(String, usize)>,
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// There is no goal.
    Informs,
    /// The goal is reached.
    Met,
    /// It is not.
    Missed,
    /// Mails were lost or sent twice, so there is no figure.
    Refused(Faults),
    /// It could not be measured.
    BrokenDown,
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
    pub fn broken_down(what: &str) -> Self {
        Self::new(what, "", Vec::new())
    }

    /// With a goal.
    pub fn goal(self, goal: Goal) -> Self {
        Self { goal: Some(goal), ..self }
    }

    /// With the faults of its runs.
    pub fn faults(self, faults: Faults) -> Self {
        Self { faults, ..self }
    }

    /// With another figure than the median.
    pub fn figure(self, figure: Figure) -> Self {
        Self { figure, ..self }
    }

    /// As a point of the plot, whose unit is mails/s.
    pub fn point(self, system: &str, connections: usize) -> Self {
        Self { point: Some((system.to_owned(), connections)), ..self }
    }

    /// The samples from the smallest to the largest.
    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.samples.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    /// The figure; none when the row is refused or broken down.
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

    /// What became of it.
    pub fn verdict(&self) -> Verdict {
        if !self.faults.is_none() {
            return Verdict::Refused(self.faults);
        }
        let Some(value) = self.value() else {
            return Verdict::BrokenDown;
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
            Self::BrokenDown => write!(f, "**not measured**"),
        }
    }
}

/// Three digits that count, and commas between thousands.
pub fn figure(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => {
            let digits = format!("{value:.0}");
            let mut out = String::new();
            for (permit, digit) in digits.chars().enumerate() {
                if permit > 0 && (digits.len() - permit) % 3 == 0 {
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
