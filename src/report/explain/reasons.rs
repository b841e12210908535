//! Why a person got no mail: skipped, for a reason that the ledger has as a word, or no part of the notification.

use crate::domain::audience::{Audience, Listing};
use crate::domain::ids::ParticipantId;
use crate::domain::outcome::Verdict;
use crate::domain::suppression::SuppressionReason;
use crate::store::ledger::row::NotificationRecord;

/// Why a person is not part of the notification; `None`: the person is, or may be.
pub(super) fn why_no_recipient(
    record: &NotificationRecord,
    number: Option<ParticipantId>,
    listing: Option<Listing>,
) -> Option<String> {
    let audience = record.notification.audience;
    let joined_later = match (audience, number) {
        (Audience::Event { up_to, .. }, Some(number)) => audience.is_frozen() && number > up_to,
        (Audience::Recipients { .. }, None) => matches!(listing, Some(Listing::Frozen(_))),
        _ => false,
    };
    joined_later.then(|| {
        "no mail: the person became a participant after the message had arrived, and is not part of the notification"
            .to_owned()
    })
}

/// Why a person was skipped, and what can be done.
pub(super) fn why_skipped(detail: &str, retry: &str) -> (String, Option<String>) {
    let again = |what: &str| Some(format!("{what}, then send with: {retry} --permanent-too"));
    if let Some(first) = Verdict::first_with_address(detail) {
        return (format!("participant {first} has the same address, and the mail went there"), None);
    }
    if let Some(newer) = detail.strip_prefix(Verdict::SUPERSEDED_BY) {
        return (
            format!("notification {newer} of the same event came meanwhile, and says what there is to say"),
            None,
        );
    }
    if let Some(reason) = SuppressionReason::from_word(detail) {
        let why = match reason {
            SuppressionReason::Unsubscribed => "the address is unsubscribed",
            SuppressionReason::OptedOut => "the application says in optouts that the address wants no mail",
            SuppressionReason::Bounced => "the address gets no mail, because an earlier one came back",
            SuppressionReason::Complained => {
                "the address gets no mail, because its owner has called one spam"
            }
            SuppressionReason::Refused => {
                "the address gets no mail, because the relay has said that it does not exist"
            }
            SuppressionReason::Blocked => "the address is blocked by an operator",
            SuppressionReason::Erased => "what was known of the person is erased",
        };
        let lifted = "if the person wants mail again, lift that (fanmail suppressions remove)";
        let may_be_lifted = !matches!(reason, SuppressionReason::OptedOut | SuppressionReason::Erased);
        return (why.to_owned(), may_be_lifted.then(|| again(lifted)).flatten());
    }
    match detail {
        Verdict::NO_ADDRESS => ("the participant had no address".to_owned(), again("add the address")),
        Verdict::NOT_ALLOWED => ("the domain of the address is not in EMAIL_ALLOW_DOMAINS".to_owned(), None),
        Verdict::NOTHING_CHANGED => ("the last mail of the event said the same already".to_owned(), None),
        other => (or_none(other).to_owned(), None),
    }
}

/// The reason, if there is one.
pub(super) fn or_none(reason: &str) -> &str {
    if reason.is_empty() { "no reason is recorded" } else { reason }
}
