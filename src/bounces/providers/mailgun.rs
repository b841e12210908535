//! Mailgun: one event in each request, in `event-data`.

use serde_json::Value;

use crate::bounces::providers::{Malformed, ProviderReport, joined, status, text};
use crate::bounces::report::{Bounce, Report};
use crate::bounces::status_code::Severity;

/// What the event says of a mail; `None` for one that counts as nothing.
///
/// # Errors
/// When it is none.
pub fn read(body: &[u8]) -> Result<Option<ProviderReport>, Malformed> {
    let body: Value = serde_json::from_slice(body).map_err(|_| Malformed)?;
    let event = body.get("event-data").filter(|event| event.is_object()).ok_or(Malformed)?;
    Ok(report(event).map(|report| ProviderReport {
        sender: text(event, "/envelope/sender"),
        message_id: text(event, "/message/headers/message-id"),
        address: text(event, "/recipient"),
        report,
    }))
}

fn report(event: &Value) -> Option<Report> {
    let complaint = || Report::Complaint("abuse".to_owned());
    match text(event, "/event")?.as_str() {
        "complained" => return Some(complaint()),
        // A temporary one is tried again, and ends as a permanent one.
        "failed" if text(event, "/severity").as_deref() == Some("permanent") => {}
        _ => return None,
    }
    let reason = text(event, "/reason").unwrap_or_default();
    // Beyond those of SMTP, Mailgun has numbers of its own.
    let reply =
        text(event, "/delivery-status/code").filter(|code| code.len() == 3 && code < &"600".to_owned());
    let words = ["message", "description"].map(|name| text(event, &format!("/delivery-status/{name}")));
    let words = joined([reply, words.into_iter().flatten().next().or_else(|| Some(reason.clone()))]);
    let code = status(event, "/delivery-status/enhanced-code");
    Some(match reason.as_str() {
        "suppress-complaint" => complaint(),
        "suppress-bounce" => Report::Bounce(Bounce::decided(code, words, Severity::Hard)),
        "suppress-unsubscribe" => Report::Bounce(Bounce::decided(code, words, Severity::Soft)),
        "espblock" => Report::Bounce(Bounce::with_opinion(code, words, Severity::Infrastructure)),
        _ => Report::Bounce(Bounce::new(code, words)),
    })
}
