//! Whether each recipient got exactly one mail. A figure of a run that lost or repeated mails is refused.

use std::fmt;
use std::ops::AddAssign;

/// The faults of one run or of several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// Mails that did not arrive.
    pub lost: usize,
    /// Mails that arrived twice.
    pub twice: usize,
}

impl Faults {
    /// The faults of a sender of `asked` mails to different recipients, when `arrived` mails arrived.
    ///
    /// A count cannot tell one lost and one repeated mail from none of either. For fanmail the ledger closes that gap:
    /// [`Faults::by_ledger`].
    pub fn by_count(asked: usize, arrived: usize) -> Self {
        Self { lost: asked.saturating_sub(arrived), twice: arrived.saturating_sub(asked) }
    }

    /// The faults of a fan-out to `asked` participants. The ledger has one row for each of them (its primary key);
    /// `sent` rows are marked as sent, after `attempts` attempts altogether. An attempt writes one body at most. So
    /// when there are as many bodies as attempts and as participants, each attempt was the first of its participant and
    /// arrived: nobody was skipped, and nobody got two mails.
    pub fn by_ledger(asked: usize, sent: usize, attempts: usize, arrived: usize) -> Self {
        let mut faults = Self::by_count(asked, arrived);
        faults.lost = faults.lost.max(asked.saturating_sub(sent));
        // A second attempt after a refused or lost body would be no fault. But the sink refuses nothing and loopback
        // loses nothing, so here there is no reason for one.
        faults.twice = faults.twice.max(attempts.saturating_sub(asked));
        faults
    }

    /// Whether there are no faults.
    pub fn is_none(self) -> bool {
        self == Self::default()
    }
}

impl AddAssign for Faults {
    fn add_assign(&mut self, other: Self) {
        self.lost += other.lost;
        self.twice += other.twice;
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} lost, {} twice", self.lost, self.twice)
    }
}
