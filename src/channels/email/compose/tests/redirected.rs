//! With `EMAIL_REDIRECT_TO`, and with `EMAIL_ALLOW_DOMAINS`.

use super::*;

fn composer_with(reach: Reach) -> Composer {
    let config = EmailConfig { reach, ..config("events@example.org", "Events") };
    Composer::new(&config, &installation())
}

#[test]
fn a_redirected_mail_goes_to_one_address_and_says_whose_it_is() {
    let redirect_to = Some("me@example.net".to_owned());
    let mut composer = composer_with(Reach { redirect_to, ..Reach::default() });
    let long = format!("{}@example.com", "ü".repeat(32));
    for address in ["ada@example.com", "jürgen@example.com", &long] {
        let mail = composer
            .compose(&of_event(12), &sample::ada(), address, simple("s", "t", "h"), christmas())
            .unwrap();
        assert_eq!(mail.to, "me@example.net");
        let content = mail.as_received();
        assert!(content.contains("\r\nTo: Ada Lovelace <me@example.net>\r\n"), "{content}");
        assert!(content.is_ascii() && header(&mail).split("\r\n").all(|line| line.len() <= 76), "{content}");
        // It leaves headers that it does not know encoded, unless it is asked.
        let read = MessageParser::new().header_text("X-Original-Recipient").parse(&content).unwrap();
        let told = read.header("X-Original-Recipient").and_then(|value| value.as_text());
        assert_eq!(told.map(str::trim), Some(address));
        assert_eq!(content.matches("example.com").count(), usize::from(address.is_ascii()));
    }
    let error = composer.compose(&of_event(12), &sample::ada(), "ada", simple("s", "t", "h"), christmas());
    assert_eq!(error.unwrap_err().to_string(), "the address has no @");
}

#[test]
fn only_people_in_the_allowed_domains_get_mails() {
    let allow_domains = vec!["example.com".to_owned(), "xn--bcher-kva.example".to_owned()];
    let at = |address: &str| Participant { email: Some(address.to_owned()), ..sample::ada() };
    let composer = composer_with(Reach { allow_domains, ..Reach::default() });
    for (address, is_excluded) in [
        ("ada@example.com", false),
        (" ada@EXAMPLE.com ", false),
        ("jo@bücher.example", false),
        ("ada@example.org", true),
        ("ada@sub.example.com", true),
        ("example.com", false),
    ] {
        let participant = at(address);
        let expected = if is_excluded { Err(Verdict::NOT_ALLOWED) } else { Ok(address) };
        assert_eq!(composer.address_of(&participant), expected, "{address}");
    }
    assert_eq!(composer_with(Reach::default()).address_of(&at("ada@example.org")), Ok("ada@example.org"));
}
