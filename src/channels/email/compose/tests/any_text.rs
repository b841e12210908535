//! Any text in names, subjects and parts: what a mail client reads, and that the mail is well-formed.

use proptest::prelude::*;

use super::*;
use crate::channels::email::compose::mailbox::NAME_MAX;
use crate::text::clean::{cut, one_line};

/// Texts that mail clients would decode.
const ENCODED_WORDS: [&str; 6] = [
    "=?utf-8?q?=0D=0ABcc:_y?=",
    "=?utf-8?b?4oCuZXZpbA==?=",
    "Cancelled: =?utf-8?q?x?= =?utf-8?q?y?= end",
    "=?utf-8?q?Grüße =?utf-8?q?x?=",
    "x=?iso-8859-1?Q?a b?=y",
    "=?",
];

#[test]
fn text_that_looks_like_an_encoded_word_is_shown_as_it_is() {
    for text in ENCODED_WORDS {
        let long = format!("{text} {}", "long ".repeat(20)).trim_end().to_owned();
        for text in [text, &long] {
            let mut composer = Composer::new(&config("events@example.org", text), &installation());
            let content = simple(text, "t", "h");
            let mail =
                composer.compose(&of_event(1), &named(text), "a@example.com", content, christmas()).unwrap();
            let name = cut(text, NAME_MAX);
            let content = mail.as_received();
            let read = MessageParser::new().parse(&content).unwrap();
            assert_eq!(read.subject(), Some(text), "{}", header(&mail));
            for address in [read.from(), read.to()] {
                assert_eq!(
                    address.unwrap().first().unwrap().name(),
                    Some(name.as_str()),
                    "{}",
                    header(&mail)
                );
            }
            // There are clients that look for an encoded word anywhere, even in quotes.
            let foreign = header(&mail).replace("=?utf-8?b?", "").replace("?=", "");
            assert!(!foreign.contains("=?"), "{foreign}");
            let header = header(&mail);
            let (_, subject) = header.split_once("Subject: ").unwrap();
            let (subject, _) = subject.split_once("\r\nDate: ").unwrap();
            assert!(subject.split("\r\n").all(|line| line.len() <= 76), "{subject}");
        }
    }
}

#[test]
fn control_characters_are_removed() {
    let dirty = "a\0b\rc\r\nd\ne\r\r\nf\u{7}\tg\u{7f}\r";
    let mail = composer()
        .compose(&of_event(1), &named(""), "a@example.com", simple("s", dirty, dirty), christmas())
        .unwrap();
    let control = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    assert!(!mail.as_received().replace("\r\n", "\n").contains(control), "{:?}", mail.as_received());
    assert_eq!(mail.html, "ab\nc\nd\ne\n\nf\tg\n");
    let content = mail.as_received();
    let read = MessageParser::new().parse(&content).unwrap();
    assert_eq!(read.body_text(0).unwrap().replace("\r\n", "\n").trim_end(), mail.html.trim_end());
    assert_eq!(read.body_html(0).unwrap().replace("\r\n", "\n").trim_end(), mail.html.trim_end());
}

proptest! {
    #[test]
    fn a_subject_is_read_as_it_was_written(subject in "[a-z]{60,130}|(=\\?|\\?=|\\?q\\?|utf-8|[ -~]|ü| )*") {
        let subject = cut(one_line(&subject), 120);
        let mail = composer()
            .compose(&of_event(1), &named(""), "a@example.com", simple(&subject, "t", "h"), christmas())
            .unwrap();
        let content = mail.as_received();
        let read = MessageParser::new().parse(&content).unwrap();
        prop_assert_eq!(read.subject().unwrap_or_default(), subject, "{}", header(&mail));
        prop_assert!(header(&mail).split("\r\n").all(|line| line.len() <= 78), "{}", header(&mail));
    }

    #[test]
    fn any_ascii_becomes_lines_without_control_characters(text in "[\\x00-\\x7f]*") {
        let mail = composer()
            .compose(&of_event(1), &named(&text), "a@example.com", simple("s", &text, &text), christmas())
            .unwrap();
        let lines = mail.as_received().replace("\r\n", "\n");
        prop_assert!(!lines.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t')), "{:?}", mail.as_received());
    }

    #[test]
    fn any_data_makes_a_well_formed_mail(name: String, subject: String, text: String, html: String) {
        let subject = one_line(&subject);
        let mail = composer()
            .compose(&of_event(1), &named(&name), "a@example.com", simple(&subject, &text, &html), christmas())
            .unwrap();
        prop_assert!(mail.as_received().is_ascii());
        prop_assert!(mail.as_received().split("\r\n").all(|line| line.len() <= 998 && !line.contains(['\r', '\n'])));
        let content = mail.as_received();
        let read = MessageParser::new().parse(&content).unwrap();
        prop_assert_eq!(read.parts.len(), 3);
        prop_assert_eq!(read.headers().len(), 14);
        prop_assert_eq!(read.to().unwrap().first().unwrap().address(), Some("a@example.com"));
    }
}
