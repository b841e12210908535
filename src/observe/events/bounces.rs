//! Mails that came back.

use crate::domain::bounce_result::BounceResult;
use crate::domain::ids::{NotificationId, ParticipantId};

/// A report about a mail was read. `result` says what became of it.
pub fn returned(
    result: BounceResult,
    notification_id: NotificationId,
    participant_id: ParticipantId,
    detail: &str,
    suppressed: bool,
) {
    let then = if suppressed { "; the address gets no further mail" } else { "" };
    let result = result.as_str();
    log::info!(
        notification = notification_id, participant:% = participant_id, result = result, detail = detail;
        "notification {notification_id}: the mail to participant {participant_id} came back ({result}): {detail}{then}"
    );
}

/// A mail came back for a reason that is not its recipient's.
pub fn infrastructure(detail: &str) {
    log::warn!(
        detail = detail;
        "a mail came back because of policy or reputation, not because of its address: {detail}. Look at SPF, DKIM and DMARC, at blocklists, \
         and at what the receiving system says (docs/deliverability.md); the address is not suppressed"
    );
}
