//! How some notifications and their numbers are named in a sentence. Which ones is left to `advice`.

use crate::domain::outcome::Tally;
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

/// `246 sent + 3 failed + …`: what the participants are the sum of. Mails that came back are named if there are some.
pub(crate) fn terms(tally: &Tally) -> String {
    let Tally { sent, bounced, complained, failed, skipped, deferred, pending, .. } = *tally;
    let returned = [(bounced, "bounced"), (complained, "complained")];
    let others = [(failed, "failed"), (skipped, "skipped"), (deferred, "deferred"), (pending, "pending")];
    let returned = returned.into_iter().filter(|(number, _)| *number > 0);
    let terms = [(sent, "sent")].into_iter().chain(returned).chain(others);
    terms.map(|(number, word)| format!("{number} {word}")).collect::<Vec<_>>().join(" + ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mails_that_came_back_are_named_if_there_are_some() {
        let tally = Tally { sent: 5, failed: 1, pending: 2, ..Tally::default() };
        assert_eq!(terms(&tally), "5 sent + 1 failed + 0 skipped + 0 deferred + 2 pending");
        let tally = Tally { bounced: 3, complained: 1, ..tally };
        assert!(terms(&tally).starts_with("5 sent + 3 bounced + 1 complained + 1 failed + "));
    }
}
