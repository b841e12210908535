//! Who sends a mail: what its recipient sees.

use super::*;

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
