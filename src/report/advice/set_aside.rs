//! Notifications that are set aside: why, who got no mail, and what to do.

use crate::report::notifications::NotificationLine;
use crate::store::ledger::set_aside::MET_BY_DRY_RUN;
use crate::text::count::count;

/// One of which something could not be read, or that a dry run has met.
pub(super) fn problem(line: &NotificationLine) -> String {
    let id = line.id();
    let got_none = match line.tally.pending {
        _ if line.uncounted.is_some() => ", and people got no mail yet".to_owned(),
        0 => String::new(),
        pending => format!(", and {} got no mail yet", count(pending, "participant")),
    };
    let reason = line.record.reason.as_deref().unwrap_or("no reason is recorded");
    let (cure, worker) = if reason == MET_BY_DRY_RUN {
        ("", "A worker with EMAIL_DUMMY_MODE=False")
    } else {
        (" Correct the data or the view.", "A worker")
    };
    let sending = match line.worker() {
        Some(worker) if !line.has_lost_holder() => format!("{worker} is trying it again"),
        _ => format!(
            "{worker} tries it again{}; to try now: fanmail retry --notification {id}",
            line.record
                .not_before
                .map(|time| format!(" at {}", time.format("%H:%M:%SZ")))
                .unwrap_or_default()
        ),
    };
    format!("notification {id} is set aside{got_none}: {reason}.{cure} {sending}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::notifications::tests::line;
    use crate::store::ledger::row::NotificationState;

    #[test]
    fn what_a_dry_run_has_met_needs_a_worker_that_sends() {
        let mut one = line(7, NotificationState::SetAside, [9, 4, 0, 0, 5]);
        one.record.reason = Some(MET_BY_DRY_RUN.to_owned());
        insta::assert_snapshot!(problem(&one), @"notification 7 is set aside, and 5 participants got no mail yet: a dry run has met it, and leaves it to workers that send: some of its mails are sent. A worker with EMAIL_DUMMY_MODE=False tries it again; to try now: fanmail retry --notification 7");
    }
}
