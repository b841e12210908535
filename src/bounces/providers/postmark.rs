//! Postmark: one record in each request. It gives every mail a Message-ID of its own, and returns what the mail says in the header
//! `X-PM-Metadata-fanmail`.

use serde_json::Value;

use crate::bounces::providers::{Malformed, ProviderReport, joined, text};
use crate::bounces::report::{Bounce, Report};
use crate::bounces::status_code::Severity;

/// The name of the metadata that says which mail it is.
const METADATA: &str = "fanmail";

/// What the record says of a mail; `None` for one that counts as nothing.
///
/// # Errors
/// When it is none.
pub fn read(body: &[u8]) -> Result<Option<ProviderReport>, Malformed> {
    let body: Value = serde_json::from_slice(body).map_err(|_| Malformed)?;
    if !body.is_object() {
        return Err(Malformed);
    }
    let metadata = body.get("Metadata").and_then(Value::as_object);
    // The name of a header has no certain capitals.
    let mut named = metadata.into_iter().flatten().filter(|(name, _)| name.eq_ignore_ascii_case(METADATA));
    let message_id = named.find_map(|(_, value)| value.as_str().map(str::to_owned));
    let address = text(&body, "/Email");
    Ok(report(&body).map(|report| ProviderReport { sender: None, message_id, address, report }))
}

fn report(record: &Value) -> Option<Report> {
    let kind = text(record, "/Type").unwrap_or_default();
    match text(record, "/RecordType").as_deref() {
        Some("SpamComplaint") => return Some(Report::Complaint("abuse".to_owned())),
        Some("Bounce") => {}
        _ => return None,
    }
    // Details has the reply of the server, Description a sentence of Postmark's.
    let words = joined([text(record, "/Details").or_else(|| text(record, "/Description"))]);
    let bounce = |opinion| Some(Report::Bounce(Bounce::with_opinion(None, words.clone(), opinion)));
    match kind.as_str() {
        "SpamComplaint" => Some(Report::Complaint("abuse".to_owned())),
        "HardBounce" => bounce(Severity::Hard),
        // Nothing was sent: Postmark knows the address.
        "BadEmailAddress" | "ManuallyDeactivated" => {
            Some(Report::Bounce(Bounce::decided(None, words, Severity::Hard)))
        }
        "SpamNotification"
        | "VirusNotification"
        | "Blocked"
        | "DMARCPolicy"
        | "Unconfirmed"
        | "SMTPApiError"
        | "TemplateRenderingFailed" => bounce(Severity::Infrastructure),
        // Postmark tries further, or a program or a person has answered.
        "Transient"
        | "DnsError"
        | "AutoResponder"
        | "AddressChange"
        | "ChallengeVerification"
        | "Subscribe"
        | "Unsubscribe"
        | "OpenRelayTest"
        | "InboundError" => None,
        _ => bounce(Severity::Soft),
    }
}
