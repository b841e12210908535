//! The groups of mails that did not arrive, for people.

use std::fmt::Write as _;

use crate::report::failures::group::FailureGroup;
use crate::text::count::count;

/// Groups that are shown: a longer list would hide the largest.
const SHOWN: usize = 50;

/// A paragraph for each group: how many, the reason, the notifications and examples.
#[must_use]
pub fn to_text(groups: &[FailureGroup]) -> String {
    let all: u64 = groups.iter().map(|group| group.count).sum();
    let mut text = match all {
        0 => return "Every mail has arrived, or is not decided yet.\n".to_owned(),
        _ => format!("{} did not arrive, for {}\n", count(all, "mail"), count(groups.len() as u64, "reason")),
    };
    for group in groups.iter().take(SHOWN) {
        let FailureGroup { count, failure, examples, .. } = group;
        let (reason, failure) = (reason(group), failure.as_str());
        // Writing to a String cannot fail.
        write!(text, "\n{count} {failure}: {reason}\n    {}\n", notifications(group)).unwrap_or_default();
        for example in examples {
            let address =
                example.person.address.as_ref().map_or_else(String::new, |address| format!(", {address}"));
            let words =
                if example.reason == reason { String::new() } else { format!(": {}", example.reason) };
            let (notification, key) = (example.notification, example.person.participant.shown());
            writeln!(text, "    such as notification {notification}, participant {key}{address}{words}")
                .unwrap_or_default();
        }
    }
    if let more @ 1.. = groups.len().saturating_sub(SHOWN) {
        let (reasons, mails) =
            (count(more as u64, "more reason"), groups[SHOWN..].iter().map(|group| group.count).sum());
        writeln!(text, "\nand {reasons} of {}; see all with --format json", count(mails, "mail"))
            .unwrap_or_default();
    }
    text
}

/// The codes and the words of a group: `550 5.1.1 (address): no such user`.
#[must_use]
pub fn reason(group: &FailureGroup) -> String {
    let code = group.smtp_code.map(|code| code.to_string());
    let parts = [code.as_deref(), group.enhanced_code.as_deref(), Some(group.reason.as_str())];
    let parts: Vec<&str> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { "no reason is recorded".to_owned() } else { parts.join(" ") }
}

fn notifications(group: &FailureGroup) -> String {
    let named: Vec<String> =
        group.notifications.iter().map(|one| format!("{} ({})", one.notification, one.count)).collect();
    let noun = if named.len() == 1 { "notification" } else { "notifications" };
    let more = match group.more_notifications {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let next = group
        .next_try_at
        .as_ref()
        .map_or_else(String::new, |time| format!("; the next attempt is due at {time}"));
    format!("{noun} {}{more}{next}", named.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{NotificationId, ParticipantId};
    use crate::report::failures::advice::advice;
    use crate::report::failures::group::{FailureExample, FailureSort, InNotification};
    use crate::report::failures::people::{PersonKey, ShownPerson};

    fn group(failure: FailureSort, ids: &[i64], reason: &str) -> FailureGroup {
        let of = |id: &i64| InNotification { notification: NotificationId(*id), count: 6 };
        let person = |address: Option<&str>| ShownPerson {
            participant: PersonKey::Number(ParticipantId(17)),
            address: address.map(str::to_owned),
        };
        let example = |address| FailureExample {
            notification: NotificationId(72),
            person: person(address),
            reason: "550 5.1.1 <a***@example.org>: no such user".to_owned(),
        };
        FailureGroup {
            failure,
            smtp_code: Some(550),
            enhanced_code: Some("5.1.1".to_owned()),
            reason: reason.to_owned(),
            count: 12,
            next_try_at: None,
            notifications: ids.iter().map(of).collect(),
            more_notifications: 0,
            examples: vec![example(Some("a***@example.org")), example(None)],
        }
    }

    #[test]
    fn each_reason_has_its_number_its_notifications_and_examples() {
        let deferred = FailureGroup {
            smtp_code: Some(450),
            enhanced_code: None,
            next_try_at: Some("2026-11-21T10:05:00.000Z".to_owned()),
            more_notifications: 3,
            examples: Vec::new(),
            ..group(FailureSort::Deferred, &[73, 72], "greylisted")
        };
        let silent = FailureGroup {
            smtp_code: None,
            enhanced_code: None,
            examples: Vec::new(),
            ..group(FailureSort::Bounced, &[72], "")
        };
        let groups = [group(FailureSort::Permanent, &[72], "(address): no such user"), deferred, silent];
        insta::assert_snapshot!(to_text(&groups), @r"
        36 mails did not arrive, for 3 reasons

        12 permanent: 550 5.1.1 (address): no such user
            notification 72 (6)
            such as notification 72, participant 17, a***@example.org: 550 5.1.1 <a***@example.org>: no such user
            such as notification 72, participant 17: 550 5.1.1 <a***@example.org>: no such user

        12 deferred: 450 greylisted
            notifications 73 (6), 72 (6) and 3 more; the next attempt is due at 2026-11-21T10:05:00.000Z

        12 bounced: no reason is recorded
            notification 72 (6)
        ");
        insta::assert_snapshot!(advice(&groups).join("\n"), @r"
        Permanent failures: see whose they are with --addresses, correct the addresses, then send with: fanmail retry --notification 72 --permanent-too
        Deferred mails are tried again by the workers. To try them now: fanmail retry --notification N
        Bounced mails: their addresses get no further mail. To see and to change that: fanmail suppressions list
        ");
        insta::assert_snapshot!(to_text(&[]), @"Every mail has arrived, or is not decided yet.");
        insta::assert_snapshot!(serde_json::to_string(&groups[0]).unwrap(), @r#"{"failure":"permanent","smtp_code":550,"enhanced_code":"5.1.1","reason":"(address): no such user","count":12,"next_try_at":null,"notifications":[{"notification":72,"count":6}],"more_notifications":0,"examples":[{"notification":72,"participant":17,"address":"a***@example.org","reason":"550 5.1.1 <a***@example.org>: no such user"},{"notification":72,"participant":17,"address":null,"reason":"550 5.1.1 <a***@example.org>: no such user"}]}"#);
    }
}
