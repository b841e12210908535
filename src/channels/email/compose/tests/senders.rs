//! Who sends a mail: what its recipient sees.

use super::*;
use crate::config::secret::Secret;

#[test]
fn replies_go_to_the_configured_address() {
    let config = EmailConfig {
        reply_to: Some("hello+events@example.org".to_owned()),
        ..config("events@example.org", "Events")
    };
    let mut composer = Composer::new(&config, &installation());
    let mail = composer
        .compose(&of_event(12), &sample::ada(), "ada@example.com", simple("s", "t", "h"), christmas())
        .unwrap();
    let expected = "From: Events <events@example.org>\r\nReply-To: hello+events@example.org\r\nTo: ";
    assert!(mail.as_received().starts_with(expected), "{}", header(&mail));
    assert_eq!(&*mail.envelope_from, "events@example.org");
}

#[test]
fn postmark_is_told_which_mail_it_is() {
    let webhooks =
        WebhookConfig { postmark_secrets: vec![Secret::new("x".to_owned())], ..WebhookConfig::default() };
    let config = EmailConfig { webhooks, ..config("events@example.org", "Events, Ltd.") };
    let mail = Composer::new(&config, &installation())
        .compose(&of_event(i64::MIN), &sample::ada(), "a@example.com", simple("s", "t", "h"), christmas())
        .unwrap();
    let value = "n-9223372036854775808.p1.8e9703b916";
    assert!(header(&mail).contains(&format!("\r\nX-PM-Metadata-fanmail: {value}\r\n")), "{}", header(&mail));
    // Postmark's limits for a name and a value.
    let longest = value.len() + "-9223372036854775808".len();
    assert!("fanmail".len() <= 20 && longest <= 80);
}
