//! Notifications that a newer one of their event has ended: `fanmail retry` does not send them.

use crate::report::notifications::NotificationLine;

/// Whether `fanmail retry` sends it to those whose mail failed.
pub(super) fn is_open(line: &NotificationLine) -> bool {
    line.record.superseded_by.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::NotificationId;
    use crate::report::advice::advice;
    use crate::report::notifications::tests::{line, with_dry_run};
    use crate::store::ledger::row::{NotificationRecord, NotificationState};

    #[test]
    fn no_retry_is_advised_of_one_that_a_newer_one_has_ended() {
        let failed = with_dry_run(line(1, NotificationState::Completed, [9, 3, 2, 4, 0]), 1);
        let advised = |line: &NotificationLine| {
            let now = line.record.received_at;
            advice(std::slice::from_ref(line), now, true).concat().contains("fanmail retry")
        };
        assert!(is_open(&failed) && advised(&failed));
        let record = NotificationRecord { superseded_by: Some(NotificationId(2)), ..failed.record };
        let superseded = NotificationLine { record, ..failed };
        assert_eq!((superseded.state().as_str(), advised(&superseded)), ("superseded by 2", false));
    }
}
