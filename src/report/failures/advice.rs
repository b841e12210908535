//! What to do about mails that did not arrive. Why they did not is left to `failures`.

use std::collections::BTreeSet;

use crate::channels::email::smtp::reply::advice::advice_if_about_us;
use crate::domain::ids::NotificationId;
use crate::report::failures::group::{FailureGroup, FailureSort};

/// What to do about these mails if the words of the relay may be about who sends, and not about the address.
#[must_use]
pub fn about_us(group: &FailureGroup) -> Option<&'static str> {
    if group.failure == FailureSort::Bounced {
        return None;
    }
    advice_if_about_us(group.smtp_code, &group.shown_reason())
}

/// One line for each sort, none if there is no such mail.
#[must_use]
pub fn advice(groups: &[FailureGroup]) -> Vec<String> {
    [
        line(groups, FailureSort::Permanent, |command| {
            let is_permanent = |group: &&FailureGroup| group.failure == FailureSort::Permanent;
            let cure = if groups.iter().filter(is_permanent).all(|group| about_us(group).is_some()) {
                "do what the relay wants"
            } else {
                "see whose they are with --addresses, correct the addresses"
            };
            format!("Permanent failures: {cure}, then send with: {command} --permanent-too")
        }),
        line(groups, FailureSort::Temporary, |command| {
            format!("Temporary failures: once the cause is gone, send with: {command}")
        }),
        line(groups, FailureSort::Deferred, |command| {
            format!("Deferred mails are tried again by the workers. To try them now: {command}")
        }),
        line(groups, FailureSort::Bounced, |_| {
            "Bounced mails: their addresses get no further mail. To see and to change that: fanmail suppressions list"
                .to_owned()
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn line(groups: &[FailureGroup], sort: FailureSort, text: impl Fn(&str) -> String) -> Option<String> {
    let of_sort: Vec<&FailureGroup> = groups.iter().filter(|group| group.failure == sort).collect();
    if of_sort.is_empty() {
        return None;
    }
    let notifications = of_sort.iter().flat_map(|group| &group.notifications).map(|one| one.notification);
    let ids: BTreeSet<NotificationId> = notifications.collect();
    let id = match ids.first() {
        Some(id) if ids.len() == 1 => id.to_string(),
        _ => "N".to_owned(),
    };
    Some(text(&format!("fanmail retry --notification {id}")))
}
