//! Mails as systems send them, written anew: what each of them is.

use std::fs;
use std::path::Path;

use super::*;
use crate::bounces::status_code::Severity;

/// The file, the code and what it means for the address.
const BOUNCES: [(&str, &str, Severity); 14] = [
    ("alias-with-two", "4.2.2", Severity::Soft),
    ("exchange-full", "5.2.2", Severity::Soft),
    ("exim-old", "5.1.1", Severity::Hard),
    ("exim-unknown-user", "5.0.0", Severity::Hard),
    ("gmail-dmarc", "5.7.26", Severity::Infrastructure),
    ("gmail-not-found", "5.1.1", Severity::Hard),
    ("office365-blocked", "5.7.606", Severity::Infrastructure),
    ("office365-not-found", "5.1.10", Severity::Hard),
    ("postfix-expired", "4.4.1", Severity::Soft),
    ("postfix-unknown-user", "5.1.1", Severity::Hard),
    ("qmail-no-mailbox", "5.1.1", Severity::Hard),
    ("sendmail-unknown-host", "5.1.2", Severity::Hard),
    ("without-report-type", "5.1.1", Severity::Hard),
    ("yahoo-no-account", "5.0.0", Severity::Hard),
];

/// Those that are no bounces.
fn others() -> [(&'static str, Report); 13] {
    [
        ("absence", Report::AutoReply),
        ("absence-unmarked", Report::AutoReply),
        ("calendar-answer", Report::AutoReply),
        ("calendar-answer-from-server", Report::AutoReply),
        ("complaint", Report::Complaint("abuse".to_owned())),
        ("complaint-taken-back", Report::Notice),
        ("exim-warning", Report::Notice),
        ("person", Report::Other),
        ("postfix-delayed", Report::Notice),
        ("postfix-delivered", Report::Notice),
        ("read-receipt", Report::Notice),
        ("nothing", Report::Other),
        ("garbage", Report::Other),
    ]
}

fn sample(name: &str) -> Vec<u8> {
    let generated = match name {
        "nothing" => Some(Vec::new()),
        "garbage" => Some((0..=255).cycle().take(100_000).collect()),
        _ => None,
    };
    let path = Path::new("src/bounces/reader/samples").join(name).with_extension("eml");
    generated.unwrap_or_else(|| fs::read(path).unwrap())
}

/// As servers store it: with either line end.
fn reports(name: &str) -> Vec<Report> {
    let unix = sample(name);
    let crlf = String::from_utf8_lossy(&unix).replace('\n', "\r\n").into_bytes();
    [unix, crlf].iter().map(|raw| read(&Entity::new(raw))).collect()
}

#[test]
fn bounces_are_read_with_their_codes() {
    for (name, code, severity) in BOUNCES {
        for report in reports(name) {
            let Report::Bounce(bounce) = &report else { panic!("{name}: {report:?}") };
            assert_eq!(bounce.code.map(|code| code.to_string()).as_deref(), Some(code), "{name}: {bounce:?}");
            assert_eq!(bounce.severity, severity, "{name}: {bounce:?}");
        }
    }
}

#[test]
fn what_is_no_bounce_is_not_taken_for_one() {
    for (name, expected) in others() {
        for report in reports(name) {
            assert_eq!(report, expected, "{name}");
        }
    }
}

#[test]
fn of_a_report_without_a_status_the_words_say_what_it_is() {
    let report = |says: &str| {
        let raw = format!(
            "From: MAILER-DAEMON@mx.example.net\nSubject: Mail\nContent-Type: multipart/report; boundary=b\n\n--b\n\n{says}\n--b\n\
             Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.net\n--b--\n"
        );
        read(&Entity::new(raw.as_bytes()))
    };
    assert!(matches!(report("It could not be delivered: 550 5.1.1 no such user"), Report::Bounce(_)));
    assert_eq!(report("It could not be delivered yet, and will be retried."), Report::Notice);
    assert_eq!(report("Hello"), Report::Other);
}

#[test]
fn the_type_of_a_complaint_has_no_address() {
    let raw = "Content-Type: message/feedback-report\n\nFeedback-Type: Abuse by ann.smith@example.com\n";
    let expected = Report::Complaint("abuse by a***@example.com".to_owned());
    assert_eq!(read(&Entity::new(raw.as_bytes())), expected);
}

#[test]
fn every_sample_is_read() {
    let known: Vec<&str> =
        BOUNCES.map(|(name, ..)| name).into_iter().chain(others().map(|(name, _)| name)).collect();
    for entry in fs::read_dir("src/bounces/reader/samples").unwrap() {
        let path = entry.unwrap().path();
        assert!(known.contains(&path.file_stem().unwrap().to_str().unwrap()), "{}", path.display());
    }
}

#[test]
fn a_report_that_is_cut_off_is_read_as_far_as_it_goes() {
    let whole = sample("postfix-unknown-user");
    for end in 0..whole.len() {
        match read(&Entity::new(&whole[..end])) {
            Report::Bounce(bounce) => {
                assert_ne!(bounce.severity, Severity::Infrastructure, "{end}: {bounce:?}");
            }
            report => assert!(
                matches!(report, Report::Other | Report::AutoReply | Report::Notice),
                "{end}: {report:?}"
            ),
        }
    }
}

#[test]
fn parts_within_each_other_are_looked_at_no_deeper_than_reports_stand() {
    let mut raw = sample("postfix-unknown-user");
    for level in 0..10_000 {
        let head = format!("Content-Type: multipart/mixed; boundary=l{level}x\n\n--l{level}x\n");
        raw.splice(0..0, head.into_bytes());
        if level > 4 && raw.len() > 300_000 {
            break;
        }
    }
    assert_eq!(read(&Entity::new(&raw)), Report::Other);
}
