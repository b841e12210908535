//! How some notifications are named in a sentence. Which ones is left to `advice`.

use crate::report::MAX_NAMED;
use crate::report::notifications::NotificationLine;

/// What a command gets as their key: the key of the only one, or a placeholder.
pub(crate) fn id_of<'a>(mut lines: impl Iterator<Item = &'a NotificationLine>) -> String {
    match (lines.next(), lines.next()) {
        (Some(line), None) => line.id().to_string(),
        _ => "ID".to_owned(),
    }
}

/// How many they are, and the newest of them by name. `None` if there is none.
pub(crate) fn name<'a>(
    lines: impl Iterator<Item = &'a NotificationLine>,
    describe: impl Fn(&NotificationLine) -> String,
) -> Option<String> {
    let all: Vec<String> = lines.map(describe).collect();
    let hidden = all.len().saturating_sub(MAX_NAMED);
    let named = all[hidden..].join(", ");
    match (all.len(), hidden) {
        (0, _) => None,
        (1, _) => Some(format!("notification {named}")),
        (_, 0) => Some(format!("notifications {named}")),
        (number, _) => Some(format!("{number} notifications, the newest are {named}")),
    }
}
