//! Whether everybody got exactly one mail. A figure of a run that lost or repeated mails says nothing.

use std::fmt;
use std::ops::AddAssign;

/// What went wrong in a run, or in several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// Mails that somebody was to get and that did not arrive.
    pub lost: usize,
    /// Mails that arrived, and had arrived before.
    pub twice: usize,
}

impl Faults {
    /// Of a sender that was to send `asked` mails, each to somebody else, when `arrived` did.
    ///
    /// A count alone cannot tell one lost and one sent twice from none of either. For fanmail the ledger closes that
    /// gap: [`Faults::by_ledger`].
    pub fn by_count(asked: usize, arrived: usize) -> Self {
        Self { lost: asked.saturating_sub(arrived), twice: arrived.saturating_sub(asked) }
    }

    /// Of a fan-out to `asked` people. The ledger has one row for each of them (its primary key), `sent` of which say
    /// that the mail was sent, after `attempts` tries altogether. A try writes one body at most. So when as many
    /// bodies arrived as there were tries, and as there are people, each try was somebody's first and each arrived:
    /// nobody was left out, and nobody was sent two.
    pub fn by_ledger(asked: usize, sent: usize, attempts: usize, arrived: usize) -> Self {
        let mut faults = Self::by_count(asked, arrived);
        faults.lost = faults.lost.max(asked.saturating_sub(sent));
        // A second try whose first body was refused or never arrived would be no fault. The sink refuses nothing and
        // loopback loses nothing, so there is no reason for one here.
        faults.twice = faults.twice.max(attempts.saturating_sub(asked));
        faults
    }

    /// Whether there are none.
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
