//! The answer for people: one paragraph for each notification.

use std::fmt::Write as _;

use crate::report::explain::{Explanation, OfEvent, ShownSuppression};
use crate::text::clean::{printable, shown_key};
use crate::text::count::count;

/// Longest key that is shown, in characters.
const KEY_MAX: usize = 80;

/// Rows that are named.
const NAMED: usize = 5;

/// Whom it is about, what stands in the way of mails, and what became of each. `asked` is what the operator has typed.
#[must_use]
pub fn to_text(explanation: &Explanation, asked: &str) -> String {
    let asked = printable(asked);
    if !explanation.is_known() {
        return format!("{}{}", nobody(explanation, &asked), obstacles(explanation));
    }
    let mut text = format!("{asked}: {}\n{}", who(explanation), obstacles(explanation));
    if explanation.notifications.is_empty() {
        text.push_str("\nNo notification concerns this person yet.\n");
    }
    for mail in &explanation.notifications {
        let event = mail.event.map_or_else(String::new, |event| format!(" of event {event}"));
        let received = mail.received_at.get(..19).unwrap_or(&mail.received_at).replace('T', " ");
        // Writing to a String cannot fail.
        write!(
            text,
            "\nnotification {}: {}{event}, received {received}Z, {}, participant {}\n    {}\n",
            mail.notification,
            mail.r#type,
            mail.state,
            mail.participant.shown(),
            mail.explanation
        )
        .unwrap_or_default();
        if let Some(advice) = &mail.advice {
            writeln!(text, "    {advice}").unwrap_or_default();
        }
    }
    if explanation.older > 0 {
        let older = count(explanation.older as u64, "older notification");
        write!(text, "\nand {older}; show more with --limit\n").unwrap_or_default();
    }
    text
}

fn nobody(explanation: &Explanation, asked: &str) -> String {
    let hint = if explanation.address.is_some() {
        "Is it written so in your tables? If the row was deleted, or has another address now, ask by its key: fanmail explain --participant KEY"
    } else {
        "Is that its key in your table participants? fanmail explain ADDRESS finds keys by an address"
    };
    format!("{asked}: nobody. No participant and no user has it, and the ledger has no mail to it. {hint}\n")
}

fn who(explanation: &Explanation) -> String {
    let participant = |one: &OfEvent| {
        let key = shown_key(&one.participant, KEY_MAX);
        let event = one.event.map_or_else(String::new, |event| format!(" of event {event}"));
        let address = if one.has_address { "" } else { ", without an address" };
        format!("participant {key}{event}{address}")
    };
    let participants = explanation.participants.iter().map(participant);
    let users = explanation.users.iter().map(|key| format!("user {}", shown_key(key, KEY_MAX)));
    let mut named: Vec<String> = participants.chain(users).collect();
    let more = named.len().saturating_sub(NAMED);
    named.truncate(NAMED);
    if more > 0 {
        named.push(format!("and {more} more"));
    }
    if named.is_empty() {
        "no row of participants or users any more; what the ledger has".to_owned()
    } else {
        named.join("; ")
    }
}

fn obstacles(explanation: &Explanation) -> String {
    let mut text: String = explanation.suppressions.iter().map(suppression).collect();
    if explanation.soft_bounces > 0 {
        let mails = count(explanation.soft_bounces as u64, "mail");
        writeln!(
            text,
            "{mails} came back in the last 30 days for a reason that may pass; the third one suppresses the address"
        )
        .unwrap_or_default();
    }
    text
}

fn suppression(one: &ShownSuppression) -> String {
    let which = match one.scope.as_str() {
        "everything" => "no mail at all".to_owned(),
        "all" => "no mail but cancellations".to_owned(),
        scope => format!("no mail of {}", shown_key(scope, KEY_MAX)),
    };
    let since = one
        .since
        .as_deref()
        .and_then(|since| since.get(..10))
        .map_or_else(String::new, |day| format!(" since {day}"));
    let undo = if one.since.is_some() { "; to lift that: fanmail suppressions remove ADDRESS" } else { "" };
    format!(
        "suppressed: {which} ({}, from {}){since}{undo}\n",
        printable(&one.reason),
        printable(&one.source)
    )
}
