//! Notifications that wait for further ones of their event (`COALESCE`).

use crate::report::naming::name;
use crate::report::notifications::NotificationLine;

/// Those, and when they begin.
pub(super) fn waiting(lines: &[NotificationLine]) -> Option<String> {
    let named = name(lines.iter().filter(|line| line.record.is_coalescing()), |line| {
        let begin = line.record.not_before.map(|time| format!(" (until {})", time.format("%H:%M:%SZ")));
        format!("{}{}", line.id(), begin.unwrap_or_default())
    })?;
    Some(format!("Waiting for further updates of their events: {named}. Any worker begins them then"))
}
