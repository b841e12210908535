//! Whether reminders find their events, and how long that takes.

use std::ops::Range;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use crate::commands::check::finding::{Finding, with_causes};
use crate::commands::check::parts::Parts;
use crate::domain::reminder::ReminderOffset;
use crate::store::Store;
use crate::text::count::count;

/// A look that takes longer than this is slow.
const SLOW: Duration = Duration::from_secs(1);

/// Looks once for the events of each reminder, as a worker does.
///
/// # Errors
/// When the events cannot be read, or their starts cannot be compared.
pub fn check(parts: &Parts<'_>) -> Result<Finding, String> {
    let offsets = ReminderOffset::all(&parts.config.worker.reminders);
    if offsets.is_empty() {
        return Ok(Finding::skipped("REMINDERS is not set"));
    }
    parts.store().map_or_else(Ok, |store| look(store, &offsets))
}

fn look(store: &Store, offsets: &[ReminderOffset]) -> Result<Finding, String> {
    let clock = store.begin_reminder_look().map_err(with_causes)?.clock;
    let started_at = Instant::now();
    let mut found = 0;
    for offset in offsets {
        found += store.find_starting(&in_reach(*offset, clock)).map_err(with_causes)?.len() as u64;
    }
    let lasted = started_at.elapsed();
    let names: Vec<String> = offsets.iter().map(ToString::to_string).collect();
    let slow = (lasted > SLOW).then(|| {
        format!(
            "looking for events that start soon took {:.1} s; a worker does so every minute: create an index on \
             events.starts_at",
            lasted.as_secs_f64()
        )
    });
    let odd = store.count_odd_starts().map_err(with_causes)?.map(|odd| odd.to_string());
    let works =
        format!("{} before the start; {} due now or a little late", names.join(", "), count(found, "event"));
    Ok(Finding::works(works).with_notes(slow.into_iter().chain(odd)))
}

/// The starts whose reminders are due and not too late.
fn in_reach(offset: ReminderOffset, clock: DateTime<Utc>) -> Range<DateTime<Utc>> {
    clock + offset.before_start() - offset.tolerance()..clock + offset.before_start()
}
