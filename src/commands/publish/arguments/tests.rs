//! Which arguments belong together, and what is told about others.

use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Command {
    #[command(flatten)]
    args: PublishArgs,
}

fn parse(words: &[&str]) -> Result<PublishArgs, String> {
    let words = ["publish"].iter().chain(words);
    Command::try_parse_from(words).map(|command| command.args).map_err(|error| error.to_string())
}

#[test]
fn each_form_has_its_own_arguments() {
    for words in [
        &["--type", "updated", "--event", "-5", "--note", "x", "--reason", "y", "--metadata", "{}"][..],
        &["--notice", "x", "--to", "ada@example.com", "--to", "Zoe <zoe@example.com>", "--users", "7,8"],
        &["--notice", "x", "--users", "7", "--title", "t", "--url", "https://x.org", "--priority", "HIGH"],
        &["--notice", "x", "--users", "7", "--outbox", "--dry-run"],
        &["--payload", "-", "--routing-key", "student.created", "--exchange", "events.topic"],
        &["--payload", "[]"],
        &["--type", "UPDATED", "--event", "7", "--routing-key", "k", "--outbox"],
    ] {
        let parsed = parse(words);
        assert!(parsed.is_ok(), "{words:?}: {parsed:?}");
    }
}

#[test]
fn what_does_not_belong_together_is_told() {
    const EVENT: [&str; 4] = ["--type", "UPDATED", "--event", "7"];
    const NOTICE: [&str; 4] = ["--notice", "x", "--users", "1"];
    let with = |words: [&'static str; 4], more: &[&'static str]| [&words[..], more].concat();
    for (words, told) in [
        (vec![], "--type <TYPE>|--notice <TEXT>|--payload <JSON|@FILE|->"),
        (vec!["--event", "7"], "--type <TYPE>"),
        (vec!["--type", "UPDATED"], "--event <ID>"),
        (vec!["--notice", "x"], "--to <ADDRESS>|--users <IDS>"),
        (vec!["--to", "ada@example.com"], "--notice <TEXT>"),
        (with(EVENT, &["--notice", "x", "--users", "1"]), "cannot be used with"),
        (with(EVENT, &["--title", "x"]), "cannot be used with"),
        (with(NOTICE, &["--reason", "y"]), "cannot be used with"),
        (vec!["--payload", "{}", "--to", "ada@example.com"], "cannot be used with"),
        (vec!["--payload", "{}", "--metadata", "{}"], "cannot be used with"),
        (vec!["--payload", "{}", "--event", "7"], "cannot be used with"),
        (vec!["--payload", "{}", "--exchange", "e"], "--routing-key <KEY>"),
        (with(NOTICE, &["--metadata", "[]"]), "it is JSON and no object; expected a JSON object"),
        (with(NOTICE, &["--metadata", "a=b"]), "it is no JSON"),
        (with(NOTICE, &["--priority", "urgent"]), "expected one of high, medium, low"),
        (with(NOTICE, &["--url", "javascript:x"]), "expected an address such as https://"),
        (with(NOTICE, &["--url", "example.com/orders"]), "expected an address such as https://"),
        (with(NOTICE, &["--users", "1,,2"]), "an id is empty"),
        (with(NOTICE, &["--to", "ada"]), "the address has no @; expected ada@example.com"),
        (with(NOTICE, &["--to", "Ada <a b@example.com>"]), "the address has spaces"),
    ] {
        let error = parse(&words).unwrap_err();
        assert!(error.contains(told), "{words:?}: {error}");
    }
}

#[test]
fn a_person_is_an_address_perhaps_with_a_name() {
    let read = |text: &str| parse_person(text).map(|one| (one.name, one.email.unwrap()));
    let person = |name: Option<&str>, email: &str| Ok((name.map(str::to_owned), email.to_owned()));
    for (text, expected) in [
        (" ada@example.com ", person(None, "ada@example.com")),
        ("<ada@example.com>", person(None, "ada@example.com")),
        ("Ada L. <ada@example.com>", person(Some("Ada L."), "ada@example.com")),
        ("\"Lovelace, Ada\" < ada@x.org >", person(Some("Lovelace, Ada"), "ada@x.org")),
    ] {
        assert_eq!(read(text), expected, "{text}");
    }
    assert!(read("Ada <>").is_err() && read("").is_err());
}
