//! Who sends a mail: what its recipient sees, and where it comes back to.

use super::*;
use crate::channels::email::compose::envelope_sender::EnvelopeSender;
use crate::domain::address_hash::AddressKey;

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
fn a_mail_comes_back_to_an_address_of_its_own() {
    let config = EmailConfig {
        bounce_address: Some("bounces@mail.example.org".to_owned()),
        ..config("events@example.org", "Events")
    };
    let key = AddressKey::from_hex(&"0123456789abcdef".repeat(4)).unwrap();
    let mut composer = Composer::new(&config, &installation())
        .with_envelope_sender(EnvelopeSender::new(&config, Some(&key)));
    let mut compose = |address| {
        let content = simple("s", "t", "h");
        composer.compose(&of_event(12), &sample::ada(), address, content, christmas()).unwrap()
    };
    let [ada, other] = ["ada@example.com", "other@example.com"].map(&mut compose);
    assert!(ada.envelope_from.starts_with("bounces+") && ada.envelope_from.ends_with("@mail.example.org"));
    assert_ne!(ada.envelope_from, other.envelope_from);
    assert!(ada.as_received().starts_with("From: Events <events@example.org>\r\n"));
    assert!(ada.message_id.ends_with("@example.org>"), "{}", ada.message_id);
}
