//! How names and addresses are written, and that other programs read them back.

use mail_parser::MessageParser;
use proptest::prelude::*;

use super::*;

/// The lines of `To:` for this name.
fn to(name: &str) -> String {
    mailbox("To", name, "a@example.org")
}

/// Name and address as a mail client reads them.
fn read_back(header: &str) -> (Option<String>, Option<String>) {
    let message = format!("{header}\r\nSubject: s\r\n\r\nbody\r\n");
    let read = MessageParser::new().parse(&message).unwrap();
    assert_eq!(read.headers().len(), 2, "{header}");
    let addresses = read.header("To").or(read.header("From")).and_then(|value| value.as_address()).unwrap();
    assert_eq!(addresses.iter().count(), 1, "{header}");
    let first = addresses.first().unwrap();
    (first.name().map(str::to_owned), first.address().map(str::to_owned))
}

#[test]
fn atoms_and_spaces_need_no_quotes() {
    for name in ["Ada", "Ada Lovelace", "O'Brien", "Jean-Luc", "A+B = C & D", "!#$%&'*+-/?=^_`{|}~", "?="] {
        assert_eq!(to(name), format!("To: {name} <a@example.org>"));
    }
    assert_eq!(to(""), "To: a@example.org");
    assert_eq!(to(" \r\n\t"), "To: a@example.org");
}

#[test]
fn what_rfc_5322_wants_quoted_is_quoted() {
    for name in [
        "A.B",
        "Ada.",
        ".",
        "..",
        "Dr. Ada",
        "Lovelace, Ada",
        "Ada (London)",
        "(",
        "a;b",
        "a:b",
        "[x]",
        "<b>",
        "a@b",
        "undisclosed:;",
        "https://example.org",
    ] {
        assert_eq!(to(name), format!("To: \"{name}\" <a@example.org>"));
    }
    assert_eq!(to("The \"Best\" \\o/"), r#"To: "The \"Best\" \\o/" <a@example.org>"#);
    assert_eq!(to("\""), r#"To: "\"" <a@example.org>"#);
    assert_eq!(to("x\r\nBcc: y@z"), "To: \"x Bcc: y@z\" <a@example.org>");
}

#[test]
fn what_is_not_ascii_or_looks_encoded_becomes_encoded_words() {
    assert_eq!(to("Jürgen"), "To: =?utf-8?b?SsO8cmdlbg==?= <a@example.org>");
    assert_eq!(to("=?utf-8?q?x?="), "To: =?utf-8?b?PT91dGYtOD9xP3g/PQ==?= <a@example.org>");
    let accents = to(&"e\u{301}".repeat(30));
    assert_eq!(
        accents,
        "To: =?utf-8?b?ZcyBZcyBZcyBZcyBZcyBZcyBZcyBZcyBZcyBZcyBZcyBZcyBZcyBZcyBZcyB?=\r\n \
         =?utf-8?b?ZcyBZcyBZcyBZcyBZcyBZcyBZcyBZcyBZcyBZcyBZcyBZcyBZcyBZcyBZcyB?=\r\n \
         <a@example.org>"
    );
}

#[test]
fn a_long_name_is_folded_at_its_spaces() {
    assert_eq!(
        to("Ada Augusta Byron King, Countess of Lovelace, who wrote the first program"),
        "To: \"Ada Augusta Byron King, Countess of Lovelace, who wrote the first\r\n program\" <a@example.org>"
    );
    let long = format!("{}@example.org", "a".repeat(60));
    assert_eq!(
        mailbox("To", "Ada Augusta, Countess of Lovelace", &long),
        format!("To: \"Ada Augusta, Countess of Lovelace\"\r\n <{long}>")
    );
    assert_eq!(
        to(&"\\\\\\\\ ".repeat(15)),
        format!(
            "To: \"{0} {0} {0} {0} {0} {0} {0} {0}\r\n {0} {0} {0} {0} {0} {0} {0}\"\r\n <a@example.org>",
            r"\\\\\\\\"
        )
    );
}

#[test]
fn a_name_is_cut_after_75_characters() {
    for letter in ["a", "ü", "𝒜", "\"", "a.", "漢"] {
        let name = letter.repeat(NAME_MAX);
        let (read, _) = read_back(&to(&name[..char_boundary(&name, NAME_MAX)]));
        assert_eq!(read.as_deref(), Some(&name[..char_boundary(&name, NAME_MAX)]));
        let (read, _) = read_back(&to(&letter.repeat(300)));
        let read = read.unwrap();
        assert_eq!((read.chars().count(), read.ends_with('…')), (NAME_MAX, true), "{read}");
    }
}

#[test]
fn the_name_of_a_header_stands_alone_only_before_what_then_fits() {
    let fits = format!("{}@example.org", "a".repeat(63));
    assert_eq!(mailbox("From", "", &fits), format!("From:\r\n {fits}"));
    let longest = format!("{}@{}.example", "a".repeat(64), "b".repeat(180));
    assert_eq!(mailbox("From", "", &longest), format!("From: {longest}"));
    assert_eq!(mailbox("From", "Ada", &longest), format!("From: Ada\r\n <{longest}>"));
}

/// Any text, and text of characters that have a meaning in a header, with long and with invisible ones.
fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![
        "(?s:.){0,120}",
        "[ -~\r\n\t]{0,120}",
        "([\"\\\\,;:<>@().]|=\\?|\\?=|\\?q\\?|utf-8| |a){0,60}",
        "[a-z\"\\\\]{60,90}",
        "[ae\u{301}\u{308}\u{200d}👩👧🇩🇪漢ü ]{0,120}",
    ]
}

proptest! {
    #[test]
    fn any_name_is_read_as_it_is_or_cut(name in any_name(), local in "[a-z]{1,40}") {
        let address = format!("{local}@example.org");
        let expected = cut(one_line(&name), NAME_MAX);
        for header in ["To", "From"] {
            let text = mailbox(header, &name, &address);
            prop_assert!(text.is_ascii());
            let (read, read_address) = read_back(&text);
            prop_assert_eq!(read.unwrap_or_default(), expected.as_str(), "{}", text);
            prop_assert_eq!(read_address, Some(address.clone()), "{}", text);
        }
    }

    #[test]
    fn any_name_makes_short_lines_and_no_other_header(name in any_name(), local in "[a-z]{1,40}") {
        let text = mailbox("To", &name, &format!("{local}@example.org"));
        let lines: Vec<&str> = text.split("\r\n").collect();
        prop_assert!(lines[0].starts_with("To: "), "{}", text);
        prop_assert!(lines[1..].iter().all(|line| line.starts_with(' ') && line.len() > 1), "{}", text);
        prop_assert!(lines.iter().all(|line| line.len() <= LINE_MAX && !line.contains(['\r', '\n', '\0'])), "{}", text);
        let words = text.split([' ', '\r', '\n']).filter(|word| word.starts_with("=?"));
        prop_assert!(words.clone().all(|word| word.len() <= ENCODED_WORD_MAX && word.ends_with("?=")), "{}", text);
    }

    #[test]
    fn every_encoded_word_is_text_by_itself(name in any_name()) {
        let text = to(&format!("ü{name}"));
        let mut decoded = String::new();
        for word in text.split([' ', '\r', '\n']).filter(|word| word.starts_with("=?")) {
            let encoded = word.strip_prefix(ENCODED_START).and_then(|word| word.strip_suffix(ENCODED_END));
            let bytes = STANDARD.decode(encoded.unwrap()).unwrap();
            decoded += &String::from_utf8(bytes).unwrap();
        }
        prop_assert_eq!(decoded, cut(one_line(&format!("ü{name}")), NAME_MAX));
    }
}
