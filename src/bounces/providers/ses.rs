//! Amazon SES: one notification, or one event of a configuration set, in each message of an SNS topic.

use serde_json::Value;

use crate::bounces::providers::{ProviderReport, status, text};
use crate::bounces::report::{Bounce, Report};
use crate::bounces::status_code::{Severity, StatusCode};

/// Most recipients of one message that are looked at: SES takes 50, a mail of ours has one.
const RECIPIENTS_MAX: usize = 50;

/// What the message says of mails, without what counts as nothing. SNS itself posts texts that are no JSON: they say nothing.
#[must_use]
pub fn read(message: &str) -> Vec<ProviderReport> {
    let Ok(message) = serde_json::from_str::<Value>(message) else { return Vec::new() };
    let kind = text(&message, "/eventType").or_else(|| text(&message, "/notificationType"));
    let reports = match kind.as_deref() {
        Some("Bounce") => each(&message, "/bounce/bouncedRecipients", |who| bounce(&message, who)),
        Some("Complaint") => each(&message, "/complaint/complainedRecipients", |_| complaint(&message)),
        Some("Reject") => vec![(None, rejected(&message))],
        _ => Vec::new(),
    };
    let sender = text(&message, "/mail/source");
    let message_id =
        header(&message, "message-id").or_else(|| text(&message, "/mail/commonHeaders/messageId"));
    let of_mail = |(address, report)| ProviderReport {
        sender: sender.clone(),
        message_id: message_id.clone(),
        address,
        report,
    };
    reports.into_iter().map(of_mail).collect()
}

/// The address of each recipient, with what is said of it.
fn each(
    message: &Value,
    pointer: &str,
    report: impl Fn(&Value) -> Option<Report>,
) -> Vec<(Option<String>, Report)> {
    let recipients = message.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    let found = recipients.filter_map(|who| Some((text(who, "/emailAddress"), report(who)?)));
    found.take(RECIPIENTS_MAX).collect()
}

/// A header of the mail as it was handed over. SES replaces the Message-ID in what it sends.
fn header(message: &Value, name: &str) -> Option<String> {
    let headers = message.pointer("/mail/headers")?.as_array()?;
    let is_it = |header: &&Value| text(header, "/name").is_some_and(|found| found.eq_ignore_ascii_case(name));
    headers.iter().find(is_it).and_then(|header| text(header, "/value"))
}

fn bounce(message: &Value, who: &Value) -> Option<Report> {
    let word = |name: &str| text(message, &format!("/bounce/{name}")).unwrap_or_default();
    let (kind, subtype) = (word("bounceType"), word("bounceSubType"));
    let code = status(who, "/status");
    let said = text(who, "/diagnosticCode");
    // Absences come as such: no server has refused anything.
    let is_answer = kind == "Transient" && subtype == "General" && code.is_none() && said.is_none();
    let is_delay = text(who, "/action").is_some_and(|action| action.eq_ignore_ascii_case("delayed"));
    if is_answer || is_delay {
        return None;
    }
    let words = said.unwrap_or_else(|| format!("{kind}/{subtype}"));
    Some(Report::Bounce(match (kind.as_str(), subtype.as_str()) {
        // Nothing was sent: SES knows the address.
        ("Permanent", "Suppressed" | "OnAccountSuppressionList") => {
            Bounce::decided(code, words, Severity::Hard)
        }
        ("Permanent", "UnsubscribedRecipient") => Bounce::decided(code, words, Severity::Soft),
        ("Permanent", _) => Bounce::with_opinion(code, words, Severity::Hard),
        (_, "ContentRejected" | "AttachmentRejected") => {
            Bounce::with_opinion(code, words, Severity::Infrastructure)
        }
        _ => Bounce::with_opinion(code, words, Severity::Soft),
    }))
}

fn complaint(message: &Value) -> Option<Report> {
    match text(message, "/complaint/complaintFeedbackType").as_deref() {
        Some("not-spam" | "auth-failure") => None,
        Some(kind @ ("fraud" | "virus" | "other")) => Some(Report::Complaint(kind.to_owned())),
        _ => Some(Report::Complaint("abuse".to_owned())),
    }
}

/// SES has found a virus in the mail.
fn rejected(message: &Value) -> Report {
    let words = text(message, "/reject/reason").unwrap_or_else(|| "rejected".to_owned());
    Report::Bounce(Bounce::decided(None::<StatusCode>, words, Severity::Infrastructure))
}
