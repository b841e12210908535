//! The answer for people: one paragraph for each notification.

use std::fmt::Write as _;

use crate::report::explain::answer::MailAnswer;
use crate::report::explain::{Explanation, OfEvent, ShownSuppression};
use crate::text::clean::{printable, shown_key};
use crate::text::count::count;
use crate::text::screen::{Screen, Tone};
use crate::text::shell::quoted;
use crate::text::timestamp::shown_time;

/// Longest key that is shown, in characters.
const KEY_MAX: usize = 80;

/// Before each line of a notification but the first.
const INDENT: &str = "    ";

/// How the sentence about a mail begins.
const FATES: [(&str, Tone); 9] = [
    ("sent", Tone::Good),
    ("failed permanently", Tone::Bad),
    ("failed temporarily", Tone::Bad),
    ("came back", Tone::Bad),
    ("deferred", Tone::Caution),
    ("not yet", Tone::Caution),
    ("not sent", Tone::Caution),
    ("no mail", Tone::Caution),
    ("skipped", Tone::Caution),
];

/// Rows that are named.
const NAMED: usize = 5;

/// Whom it is about, what stands in the way of mails, and what became of each. `asked` is what the operator has typed.
#[must_use]
pub fn to_text(explanation: &Explanation, asked: &str, screen: Screen) -> String {
    let asked = printable(asked);
    if !explanation.is_known() {
        return screen.paragraph(&nobody(explanation, &asked), "") + &obstacles(explanation, screen);
    }
    let title = screen.paragraph(&format!("{asked}: {}", who(explanation)), INDENT);
    let mut text = title + &obstacles(explanation, screen);
    if explanation.notifications.is_empty() {
        let event = explanation.of_event.map_or_else(String::new, |event| format!(" of event {event}"));
        // Writing to a String cannot fail.
        writeln!(text, "\nNo notification{event} concerns this person yet.").unwrap_or_default();
    }
    for mail in &explanation.notifications {
        text.push('\n');
        text.push_str(&paragraph(mail, screen));
    }
    if explanation.older > 0 {
        let older = count(explanation.older as u64, "older notification");
        write!(text, "\nand {older}; show more with --limit\n").unwrap_or_default();
    }
    text
}

fn paragraph(mail: &MailAnswer, screen: Screen) -> String {
    let event = mail.event.map_or_else(String::new, |event| format!(" of event {event}"));
    let title = format!(
        "notification {}: {}{event}, received {}, {}, participant {}",
        mail.notification,
        mail.r#type,
        shown_time(&mail.received_at),
        mail.state,
        mail.participant.shown()
    );
    let mut text = screen.paragraph(&title, "  ");
    let explanation = format!("{INDENT}{}", mail.explanation);
    text += &match FATES.iter().find(|(words, _)| mail.explanation.starts_with(words)) {
        // It was sent, and the recipient has called it spam.
        Some((words, _)) if mail.outcome == "complained" => {
            screen.paragraph_about(words, Tone::Bad, &explanation, INDENT)
        }
        Some((words, tone)) => screen.paragraph_about(words, *tone, &explanation, INDENT),
        None => screen.paragraph(&explanation, INDENT),
    };
    if let Some(advice) = &mail.advice {
        text.push_str(&screen.paragraph(&format!("{INDENT}{advice}"), INDENT));
    }
    text
}

fn nobody(explanation: &Explanation, asked: &str) -> String {
    if let Some(event) = explanation.of_event {
        return format!(
            "{asked}: nobody in event {event}. No participant of that event has it, and no notification of that event concerns it. Ask \
             without --event to see other events"
        );
    }
    let hint = if explanation.address.is_some() {
        "Is it written so in your tables? If the row was deleted, or has another address now, ask by its key: fanmail explain --participant KEY"
    } else {
        "Is that its key in your table participants? fanmail explain ADDRESS finds keys by an address"
    };
    format!("{asked}: nobody. No participant and no user has it, and the ledger has no mail to it. {hint}")
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

fn obstacles(explanation: &Explanation, screen: Screen) -> String {
    let address = explanation.address.as_deref().map_or_else(|| "ADDRESS".to_owned(), shell_word);
    let lines = explanation.suppressions.iter().map(|one| suppression(one, &address));
    let mut text: String = lines.map(|line| screen.paragraph(&line, INDENT)).collect();
    if explanation.soft_bounces > 0 {
        let mails = count(explanation.soft_bounces as u64, "mail");
        text.push_str(&screen.paragraph(
            &format!("{mails} came back in the last 30 days for a reason that may pass; the third one suppresses the address"),
            INDENT,
        ));
    }
    text
}

/// An address as a shell takes it.
fn shell_word(address: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "@.-_+".contains(c);
    let address = printable(address);
    if address.chars().all(is_plain) { address } else { quoted(&address) }
}

fn suppression(one: &ShownSuppression, address: &str) -> String {
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
    let undo = if one.since.is_some() {
        format!("; to lift that: fanmail suppressions remove {address}")
    } else {
        String::new()
    };
    format!("suppressed: {which} ({}, from {}){since}{undo}", printable(&one.reason), printable(&one.source))
}
