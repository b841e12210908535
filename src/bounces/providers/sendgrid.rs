//! SendGrid: an array of events in each request.

use serde_json::Value;

use crate::bounces::providers::{Malformed, ProviderReport, joined, status, text};
use crate::bounces::report::{Bounce, Report};
use crate::bounces::status_code::Severity;

/// What the events say of mails, without those that count as nothing.
///
/// # Errors
/// When it is no array.
pub fn read(body: &[u8]) -> Result<Vec<ProviderReport>, Malformed> {
    let events: Vec<Value> = serde_json::from_slice(body).map_err(|_| Malformed)?;
    let reports = events.iter().filter_map(|event| {
        report(event).map(|report| ProviderReport {
            sender: None,
            message_id: text(event, "/smtp-id"),
            address: text(event, "/email"),
            report,
        })
    });
    Ok(reports.collect())
}

fn report(event: &Value) -> Option<Report> {
    let reason = joined([text(event, "/reason")]);
    let complaint = || Report::Complaint("abuse".to_owned());
    let code = status(event, "/status");
    match text(event, "/event")?.as_str() {
        "spamreport" => Some(complaint()),
        "bounce" => Some(Report::Bounce(Bounce::with_opinion(code, reason, opinion(event)))),
        // Nothing was sent: SendGrid knows the address, or does not want the mail.
        "dropped" => Some(match reason.to_ascii_lowercase().as_str() {
            "spam reporting address" => complaint(),
            "bounced address" | "invalid" => Report::Bounce(Bounce::decided(code, reason, Severity::Hard)),
            "unsubscribed address" => Report::Bounce(Bounce::decided(code, reason, Severity::Soft)),
            _ => Report::Bounce(Bounce::with_opinion(code, reason, Severity::Infrastructure)),
        }),
        _ => None,
    }
}

/// How SendGrid sorts a bounce.
fn opinion(event: &Value) -> Severity {
    let is_blocked = text(event, "/type").as_deref() == Some("blocked");
    match text(event, "/bounce_classification").unwrap_or_default().as_str() {
        "Invalid Address" => Severity::Hard,
        "Reputation" | "Content" | "Frequency or Volume Too High" => Severity::Infrastructure,
        "" if is_blocked => Severity::Infrastructure,
        _ => Severity::Soft,
    }
}
