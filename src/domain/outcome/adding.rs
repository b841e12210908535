//! How counts of outcomes are added.

use std::ops::{Add, AddAssign};

use crate::domain::outcome::{Counts, Tally};

/// What is decided. Mails that have come back since were sent.
impl From<Tally> for Counts {
    fn from(tally: Tally) -> Self {
        Self {
            sent: tally.sent + tally.bounced + tally.complained,
            dry_run: tally.dry_run,
            failed: tally.failed,
            failed_permanent: tally.failed_permanent,
            skipped: tally.skipped,
            deferred: tally.deferred,
        }
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(mut self, more: Self) -> Self {
        self += more;
        self
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.sent += more.sent;
        self.dry_run += more.dry_run;
        self.failed += more.failed;
        self.failed_permanent += more.failed_permanent;
        self.skipped += more.skipped;
        self.deferred += more.deferred;
    }
}
