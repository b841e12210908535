//! Unfinished notifications that no message carries, and that no process works on.

use chrono::{NaiveDateTime, TimeDelta};

use crate::report::advice::{START, has_message};
use crate::report::naming::name;
use crate::report::notifications::NotificationLine;

/// Those that any worker resumes.
pub(super) fn left_behind(
    lines: &[NotificationLine],
    now: NaiveDateTime,
    grace: TimeDelta,
) -> Option<String> {
    let left = lines.iter().filter(|line| {
        let is_alone = line.record.holder.is_none() && now - line.record.received_at >= grace;
        let is_due = line.record.not_before.is_none_or(|not_before| now - not_before >= grace);
        line.is_unfinished() && !has_message(line) && is_due && (is_alone || line.has_lost_holder())
    });
    let named = name(left, |line| line.id().to_string())?;
    Some(format!(
        "Left behind, and not from the broker: {named}. Any worker resumes them within seconds, or, if their worker is silent \
         and not known to have exited, at the latest after twice LEASE_TIMEOUT. {START}"
    ))
}
