use serde_json::json;

use super::*;
use crate::domain::bounce_token::HASH_PREFIX;
use crate::domain::ids::{NotificationId, ParticipantId};

/// The code and the severity of a bounce, `complaint: KIND`, or `-`.
fn said(report: Option<&Report>) -> String {
    match report {
        None => "-".to_owned(),
        Some(Report::Complaint(kind)) => format!("complaint: {kind}"),
        Some(Report::Bounce(bounce)) => {
            let code = bounce.code.map_or_else(|| "none".to_owned(), |code| code.to_string());
            format!("{code} {:?}", bounce.severity)
        }
        other => format!("{other:?}"),
    }
}

fn ses(kind: &str, subtype: &str, recipient: Value) -> String {
    let mut recipient = recipient;
    recipient["emailAddress"] = "ann@example.com".into();
    let message = json!({"notificationType": "Bounce", "mail": {},
        "bounce": {"bounceType": kind, "bounceSubType": subtype, "bouncedRecipients": [recipient]}});
    said(ses::read(&message.to_string()).first().map(|report| &report.report))
}

#[test]
fn what_ses_says_of_an_address_becomes_a_severity() {
    let with =
        |status: &str, words: &str| json!({"status": status, "action": "failed", "diagnosticCode": words});
    for (kind, subtype, recipient, expected) in [
        ("Permanent", "General", with("5.1.1", "smtp; 550 5.1.1 no such user"), "5.1.1 Hard"),
        ("Permanent", "General", with("5.7.1", "smtp; 550 5.7.1 refused by policy"), "5.7.1 Infrastructure"),
        ("Permanent", "General", with("5.2.2", "smtp; 552 5.2.2 full"), "5.2.2 Soft"),
        ("Permanent", "General", with("5.0.0", "smtp; 550 go away"), "5.0.0 Hard"),
        ("Permanent", "General", with("5.0.0", "smtp; 550 mailbox is full"), "5.0.0 Soft"),
        ("Permanent", "General", with("5.2.0", "smtp; 552 user is over quota"), "5.2.0 Soft"),
        ("Permanent", "General", with("5.0.0", "smtp; 552 message too large"), "5.0.0 Soft"),
        ("Permanent", "General", with("4.0.0", "smtp; 451 come later"), "4.0.0 Soft"),
        ("Permanent", "General", with("5.0.0", "smtp; 550 sender rejected, unknown user"), "5.0.0 Soft"),
        ("Permanent", "General", json!({}), "none Hard"),
        ("Permanent", "NoEmail", json!({}), "none Hard"),
        (
            "Permanent",
            "OnAccountSuppressionList",
            with("5.1.1", "not sent: the address is on the suppression list of your account"),
            "5.1.1 Hard",
        ),
        ("Permanent", "Suppressed", json!({}), "none Hard"),
        ("Permanent", "UnsubscribedRecipient", json!({}), "none Soft"),
        ("Transient", "MailboxFull", with("5.2.2", "smtp; 552 5.2.2 full"), "5.2.2 Soft"),
        ("Transient", "ContentRejected", json!({}), "none Infrastructure"),
        ("Transient", "General", with("4.4.7", "smtp; 554 4.4.7 expired"), "4.4.7 Soft"),
        ("Transient", "General", json!({}), "-"),
        ("Transient", "General", json!({"action": "delayed", "status": "4.4.1"}), "-"),
        ("Undetermined", "Undetermined", json!({}), "none Soft"),
        ("", "", json!({}), "none Soft"),
    ] {
        assert_eq!(ses(kind, subtype, recipient), expected, "{kind} {subtype}");
    }
    let complaint = |kind: Value| {
        let recipients = json!([{"emailAddress": "ann@example.com"}]);
        let message = json!({"eventType": "Complaint", "mail": {},
            "complaint": {"complaintFeedbackType": kind, "complainedRecipients": recipients}});
        said(ses::read(&message.to_string()).first().map(|report| &report.report))
    };
    assert_eq!(complaint(json!("abuse")), "complaint: abuse");
    assert_eq!(complaint(json!("virus")), "complaint: virus");
    assert_eq!(complaint(json!("x@example.org")), "complaint: abuse");
    assert_eq!(complaint(Value::Null), "complaint: abuse");
    assert_eq!(complaint(json!("not-spam")), "-");
    let rejected = ses::read(r#"{"eventType": "Reject", "mail": {}, "reject": {"reason": "Bad content"}}"#);
    assert_eq!(said(rejected.first().map(|report| &report.report)), "none Infrastructure");
    for nothing in
        ["", "Successfully validated", "[]", "{}", r#"{"eventType": "Open"}"#, r#"{"eventType": "Bounce"}"#]
    {
        assert_eq!(ses::read(nothing), [], "{nothing}");
    }
}

#[test]
fn what_postmark_calls_a_bounce_becomes_a_severity() {
    let read = |kind: &str, details: &str| {
        let record =
            json!({"RecordType": "Bounce", "Type": kind, "Details": details, "Description": "It bounced."});
        said(postmark::read(record.to_string().as_bytes()).unwrap().as_ref().map(|report| &report.report))
    };
    for (kind, details, expected) in [
        ("HardBounce", "smtp;550 5.1.1 no such user", "5.1.1 Hard"),
        ("HardBounce", "smtp;550 mailbox full", "5.0.0 Soft"),
        ("HardBounce", "", "none Hard"),
        ("HardBounce", "smtp;550 5.7.26 not authenticated", "5.7.26 Infrastructure"),
        ("SoftBounce", "smtp;452 4.2.2 over quota", "4.2.2 Soft"),
        ("SoftBounce", "smtp;550 No such user here", "5.0.0 Hard"),
        ("BadEmailAddress", "", "none Hard"),
        ("ManuallyDeactivated", "", "none Hard"),
        ("Blocked", "", "none Infrastructure"),
        ("SpamNotification", "", "none Infrastructure"),
        ("DMARCPolicy", "", "none Infrastructure"),
        ("SpamComplaint", "", "complaint: abuse"),
        ("Transient", "", "-"),
        ("AutoResponder", "", "-"),
        ("Unsubscribe", "", "-"),
        ("SomethingNew", "", "none Soft"),
        ("", "", "none Soft"),
    ] {
        assert_eq!(read(kind, details), expected, "{kind} {details}");
    }
    let other = |body: &str| postmark::read(body.as_bytes());
    assert_eq!(
        said(other(r#"{"RecordType": "SpamComplaint"}"#).unwrap().as_ref().map(|r| &r.report)),
        "complaint: abuse"
    );
    for nothing in [r#"{"RecordType": "Open"}"#, r#"{"RecordType": 7}"#, "{}"] {
        assert_eq!(other(nothing), Ok(None), "{nothing}");
    }
    for bad in ["", "[]", "7", "{\"RecordType\"", "\u{0}"] {
        assert_eq!(other(bad), Err(Malformed), "{bad}");
    }
}

#[test]
fn what_sendgrid_says_becomes_a_severity() {
    let read = |event: Value| {
        let reports = sendgrid::read(json!([event]).to_string().as_bytes()).unwrap();
        said(reports.first().map(|report| &report.report))
    };
    for (event, expected) in [
        (
            json!({"event": "bounce", "type": "bounce", "status": "5.1.1", "reason": "550 5.1.1 unknown"}),
            "5.1.1 Hard",
        ),
        (json!({"event": "bounce", "type": "bounce", "status": "5.0.0", "reason": "550 x"}), "5.0.0 Soft"),
        (
            json!({"event": "bounce", "status": "5.0.0", "bounce_classification": "Invalid Address"}),
            "5.0.0 Hard",
        ),
        (json!({"event": "bounce", "type": "blocked", "reason": "no"}), "none Infrastructure"),
        (
            json!({"event": "bounce", "type": "blocked", "status": "5.2.2", "reason": "552 5.2.2 full"}),
            "5.2.2 Soft",
        ),
        (
            json!({"event": "bounce", "type": "blocked", "bounce_classification": "Mailbox Unavailable"}),
            "none Soft",
        ),
        (json!({"event": "dropped", "reason": "Bounced Address"}), "none Hard"),
        (json!({"event": "dropped", "reason": "Invalid"}), "none Hard"),
        (json!({"event": "dropped", "reason": "Spam Reporting Address"}), "complaint: abuse"),
        (json!({"event": "dropped", "reason": "Unsubscribed Address"}), "none Soft"),
        (json!({"event": "dropped", "reason": "Spam Content"}), "none Infrastructure"),
        (json!({"event": "spamreport"}), "complaint: abuse"),
        (json!({"event": "deferred", "reason": "450 4.2.1 later"}), "-"),
        (json!({"event": "delivered"}), "-"),
        (json!({"event": "a new one"}), "-"),
        (json!({"event": ["bounce"]}), "-"),
        (json!({}), "-"),
        (json!("bounce"), "-"),
    ] {
        let shown = event.to_string();
        assert_eq!(read(event), expected, "{shown}");
    }
    for bad in ["", "{}", "[", "null"] {
        assert_eq!(sendgrid::read(bad.as_bytes()), Err(Malformed), "{bad}");
    }
}

#[test]
fn what_mailgun_says_becomes_a_severity() {
    let read = |event: Value| {
        let body = json!({"event-data": event}).to_string();
        said(mailgun::read(body.as_bytes()).unwrap().as_ref().map(|report| &report.report))
    };
    let failed = |reason: &str, status: Value| json!({"event": "failed", "severity": "permanent", "reason": reason, "delivery-status": status});
    for (event, expected) in [
        (failed("bounce", json!({"code": 550, "message": "5.1.1 user unknown"})), "5.1.1 Hard"),
        (
            failed("bounce", json!({"code": "550", "enhanced-code": "5.1.1", "description": "gone"})),
            "5.1.1 Hard",
        ),
        (failed("generic", json!({"code": 550, "message": "user unknown"})), "5.0.0 Hard"),
        (failed("generic", json!({"code": 552, "message": "5.2.2 mailbox full"})), "5.2.2 Soft"),
        (failed("old", json!({"code": 602, "message": "too old"})), "none Soft"),
        (failed("suppress-bounce", json!({"code": 605, "message": "not delivering"})), "none Hard"),
        (failed("suppress-complaint", json!({"code": 607})), "complaint: abuse"),
        (failed("suppress-unsubscribe", json!({"code": 606})), "none Soft"),
        (failed("espblock", json!({"code": 554, "message": "no"})), "5.0.0 Infrastructure"),
        (failed("bounce", Value::Null), "none Soft"),
        (json!({"event": "failed", "severity": "temporary", "reason": "generic"}), "-"),
        (json!({"event": "failed"}), "-"),
        (json!({"event": "complained"}), "complaint: abuse"),
        (json!({"event": "opened"}), "-"),
        (json!({}), "-"),
    ] {
        let shown = event.to_string();
        assert_eq!(read(event), expected, "{shown}");
    }
    for bad in ["", "{}", "[]", r#"{"event-data": 7}"#] {
        assert_eq!(mailgun::read(bad.as_bytes()), Err(Malformed), "{bad}");
    }
}

#[test]
fn a_mail_is_found_by_its_envelope_sender_or_by_its_message_id() {
    let address_key = AddressKey::from_hex(&"0a".repeat(32)).unwrap();
    let key = BounceKey::new(&address_key);
    let own = OwnMails { address_key: address_key.clone(), key: key.clone(), tag: "8e9703b916".to_owned() };
    let find = |sender: Option<&str>, id: Option<&str>, address: Option<&str>| {
        own.find(&ProviderReport {
            sender: sender.map(str::to_owned),
            message_id: id.map(str::to_owned),
            address: address.map(str::to_owned),
            report: Report::Notice,
        })
    };
    let hash = address_key.hash("ann@example.com").unwrap();
    let address = *hash.as_bytes().first_chunk().unwrap();
    let token =
        BounceToken { notification_id: NotificationId(7), participant_id: ParticipantId(34), address };
    let sender = format!("Events <bounces+{}@example.org>", token.to_text(&key));
    assert_eq!(find(Some(&sender), None, None), Some(token));
    let id = Some("<n7.p34.8e9703b916@example.org>");
    assert_eq!(find(None, id, Some("Ann <ANN@example.com>")), Some(token));
    assert_eq!(find(Some("events@example.org"), id, Some("ann@example.com")), Some(token));
    assert_eq!(find(Some("bounces+abc@example.org"), id, Some("ann@example.com")), Some(token));
    let unknown = BounceToken { address: [0; HASH_PREFIX], ..token };
    assert_eq!(find(None, id, None), Some(unknown));
    assert_eq!(find(None, id, Some("no address")), Some(unknown));
    for (sender, id) in
        [(None, None), (Some("bounces+abc@example.org"), None), (None, Some("<n7.p34.other@example.org>"))]
    {
        assert_eq!(find(sender, id, Some("ann@example.com")), None);
    }
}
