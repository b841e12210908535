//! The groups of mails that did not arrive, for people.

use std::fmt::Write as _;

use crate::report::failures::Code;
use crate::report::failures::advice::about_us;
use crate::report::failures::group::{FailureGroup, FailureSort};
use crate::text::count::count;
use crate::text::screen::{Screen, Tone};
use crate::text::timestamp::shown_time;

/// Groups that are shown: a longer list would hide the largest.
const SHOWN: usize = 50;

/// Before each line of a group but the first.
const INDENT: &str = "    ";

/// A paragraph for each group: how many, the reason, the notifications and examples. `code` is the one that was asked for.
#[must_use]
pub fn to_text(groups: &[FailureGroup], code: Option<&Code>, screen: Screen) -> String {
    let all: u64 = groups.iter().map(|group| group.count).sum();
    let mut text = match all {
        0 => return nothing(code) + "\n",
        _ => format!("{} did not arrive, for {}\n", count(all, "mail"), count(groups.len() as u64, "reason")),
    };
    for group in groups.iter().take(SHOWN) {
        text.push('\n');
        text.push_str(&paragraph(group, screen));
    }
    if let more @ 1.. = groups.len().saturating_sub(SHOWN) {
        let (reasons, mails) =
            (count(more as u64, "more reason"), groups[SHOWN..].iter().map(|group| group.count).sum());
        // Writing to a String cannot fail.
        writeln!(text, "\nand {reasons} of {}; see all with --format json", count(mails, "mail"))
            .unwrap_or_default();
    }
    text
}

/// What there is to say if there is no such mail.
#[must_use]
pub fn nothing(code: Option<&Code>) -> String {
    let with = code.map_or_else(String::new, |code| format!(" with the code {code}"));
    format!("No mail has failed, come back or been deferred{with}.")
}

fn paragraph(group: &FailureGroup, screen: Screen) -> String {
    let FailureGroup { count, failure, examples, .. } = group;
    let reason = group.shown_reason();
    let number = format!("{count} {}", failure.as_str());
    let tone = if *failure == FailureSort::Deferred { Tone::Caution } else { Tone::Bad };
    let mut text = screen.paragraph_about(&number, tone, &format!("{number}: {reason}"), INDENT);
    let mut add = |line: &str| text.push_str(&screen.paragraph(&format!("{INDENT}{line}"), INDENT));
    add(&notifications(group));
    if let Some(cure) = about_us(group) {
        add(&format!("the relay may mean you and not the address: {cure}"));
    }
    for (place, example) in examples.iter().enumerate() {
        let address =
            example.person.address.as_ref().map_or_else(String::new, |address| format!(", {address}"));
        // The others say the same of another address.
        let words = if place > 0 || example.reason == reason {
            String::new()
        } else {
            format!(": {}", example.reason)
        };
        let (notification, key) = (example.notification, example.person.participant.shown());
        add(&format!("such as notification {notification}, participant {key}{address}{words}"));
    }
    text
}

fn notifications(group: &FailureGroup) -> String {
    let next = group
        .next_try_at
        .as_ref()
        .map_or_else(String::new, |time| format!("; the next attempt is due {}", shown_time(time)));
    if let ([one], 0) = (&group.notifications[..], group.more_notifications) {
        return format!("in notification {}{next}", one.notification);
    }
    let named: Vec<String> = group
        .notifications
        .iter()
        .map(|one| format!("{} ({})", one.notification, count(one.count, "mail")))
        .collect();
    let more = match group.more_notifications {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("in notifications {}{more}{next}", named.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{NotificationId, ParticipantId};
    use crate::report::failures::advice::advice;
    use crate::report::failures::group::{FailureExample, InNotification};
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
        let blocked = FailureGroup {
            enhanced_code: Some("5.7.1".to_owned()),
            examples: Vec::new(),
            ..group(FailureSort::Permanent, &[72], "Service unavailable; Client host (number) blocked")
        };
        let groups =
            [group(FailureSort::Permanent, &[72], "(address): no such user"), deferred, silent, blocked];
        insta::assert_snapshot!(to_text(&groups, None, Screen::PLAIN), @r"
        48 mails did not arrive, for 4 reasons

        12 permanent: 550 5.1.1 (address): no such user
            in notification 72
            such as notification 72, participant 17, a***@example.org: 550 5.1.1 <a***@example.org>: no such user
            such as notification 72, participant 17

        12 deferred: 450 greylisted
            in notifications 73 (6 mails), 72 (6 mails) and 3 more; the next attempt is due 2026-11-21 10:05:00Z

        12 bounced: no reason is recorded
            in notification 72

        12 permanent: 550 5.7.1 Service unavailable; Client host (number) blocked
            in notification 72
            the relay may mean you and not the address: ask the operator of the relay why it blocks this machine or this account
        ");
        let narrow = Screen { width: Some(60), has_colors: true };
        insta::assert_snapshot!(to_text(&groups[3..], None, narrow).replace('\u{1b}', "ESC"), @r"
        12 mails did not arrive, for 1 reason

        ESC[1mESC[31m12 permanentESC[0m: 550 5.7.1 Service unavailable; Client host
            (number) blocked
            in notification 72
            the relay may mean you and not the address: ask the
            operator of the relay why it blocks this machine or this
            account
        ");
        insta::assert_snapshot!(advice(&groups).join("\n"), @r"
        Permanent failures: see whose they are with --addresses, correct the addresses, then send with: fanmail retry --notification 72 --permanent-too
        Deferred mails are tried again by the workers. To try them now: fanmail retry --notification N
        Bounced mails: their addresses get no further mail. To see and to change that: fanmail suppressions list
        ");
        assert_eq!(to_text(&[], None, Screen::PLAIN), "No mail has failed, come back or been deferred.\n");
        let code = "5.1.1".parse::<Code>().unwrap();
        assert_eq!(
            nothing(Some(&code)),
            "No mail has failed, come back or been deferred with the code 5.1.1."
        );
        insta::assert_snapshot!(serde_json::to_string(&groups[0]).unwrap(), @r#"{"failure":"permanent","smtp_code":550,"enhanced_code":"5.1.1","reason":"(address): no such user","count":12,"next_try_at":null,"notifications":[{"notification":72,"count":6}],"more_notifications":0,"examples":[{"notification":72,"participant":17,"address":"a***@example.org","reason":"550 5.1.1 <a***@example.org>: no such user"},{"notification":72,"participant":17,"address":null,"reason":"550 5.1.1 <a***@example.org>: no such user"}]}"#);
    }
}
