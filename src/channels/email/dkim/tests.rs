//! Signed mails, as dkimpy verifies them.

use chrono::DateTime;
use fastrand::Rng;
use testkit::dkim::{TestKey, verify};

use super::*;
use crate::channels::email::compose::Composer;
use crate::channels::email::compose::notification_headers::NotificationHeaders;
use crate::channels::email::signing::Signing;
use crate::config::Config;
use crate::config::email::EmailConfig;
use crate::content::sample;
use crate::domain::content::{Content, ContentPart, MediaType};
use crate::domain::ids::{EventId, NotificationId};
use crate::domain::installation::Installation;
use crate::domain::kind::Kind;
use crate::domain::participant::Participant;
use crate::text::clean::one_line;

/// What canonicalisation, dot-stuffing and encodings treat in a special way.
const FRAGMENTS: [&str; 24] = [
    " ",
    "  ",
    "\t",
    " \t ",
    "\n",
    "\n\n",
    " \n",
    "\t\n",
    "\n.",
    "\n..\n",
    ".",
    "\r\n",
    "\r",
    "=",
    "=20",
    "--=_n1.p1",
    "ü",
    "漢字",
    "\u{a0}",
    "\u{200b}",
    "word",
    "From ",
    "\nFrom: x@example.net",
    "Donaudampfschiffahrt",
];

const DOMAIN: &str = "example.com";

/// The settings with these keys.
fn config(keys: &[TestKey]) -> EmailConfig {
    let lookup = |name: &str| match name {
        "FROM_EMAIL" => Some(format!("events@{DOMAIN}")),
        "FROM_NAME" => Some("Events,  Ltd.".to_owned()),
        "REPLY_TO" => Some("hello@example.com".to_owned()),
        "DKIM_SELECTOR" => keys.first().map(|key| key.selector.to_owned()),
        "DKIM_PRIVATE_KEY" => keys.first().map(|key| key.private.clone()),
        "DKIM_SELECTOR_2" => keys.get(1).map(|key| key.selector.to_owned()),
        "DKIM_PRIVATE_KEY_2" => keys.get(1).map(|key| key.private.clone()),
        _ => None,
    };
    Config::from_lookup(&lookup).unwrap().email
}

/// What DNS has for these settings.
fn records(config: &EmailConfig) -> Vec<(String, String)> {
    let dkim = config.dkim.as_ref().unwrap();
    dkim.keys.iter().map(|key| (key.name(&dkim.domain), key.record.clone())).collect()
}

/// A signed mail with these texts, to this address.
fn signed(config: &EmailConfig, signing: &mut Signing, address: &str, texts: [&str; 4]) -> Mail {
    let [name, subject, text, html] = texts.map(str::to_owned);
    let parts = vec![
        ContentPart { media_type: MediaType::Plain, text },
        ContentPart { media_type: MediaType::Html, text: html },
    ];
    let (language, subject) = ("en".into(), one_line(&subject));
    let content = Content { language, subject, parts, calendar: None, unsubscribe_url: None };
    let installation = Installation { tag: "8e9703b916".to_owned(), untagged_up_to: NotificationId(0) };
    let headers = NotificationHeaders::new(NotificationId(12), Kind::Updated, Some(EventId::Number(123)));
    let participant = Participant { name, ..sample::ada() };
    let date = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
    let mut composer = Composer::new(config, &installation);
    let mut mail = composer.compose(&headers, &participant, address, content, date).unwrap();
    let unsigned = mail.clone();
    signing.sign(&mut mail, date).unwrap();
    assert!(mail.data.ends_with(&unsigned.data), "only something in front is new");
    assert_eq!(mail.size, mail.as_received().len());
    mail
}

fn text(random: &mut Rng) -> String {
    (0..random.usize(0..30)).map(|_| *random.choice(&FRAGMENTS).unwrap()).collect()
}

fn two_keys() -> [TestKey; 2] {
    [TestKey::rsa("rsa1", 2048), TestKey::ed25519("ed1")]
}

const RIGHT: [&str; 2] = ["", ""];

#[test]
fn both_signatures_of_any_mail_are_right() {
    let config = config(&two_keys());
    let mut signing = Signing::new(&config).unwrap();
    let (seed, mut mails) = (fastrand::u64(..), Vec::new());
    let mut random = Rng::with_seed(seed);
    for address in ["ada@example.com", "jürgen@bücher.example"] {
        mails.push(signed(&config, &mut signing, address, ["", "", "", ""]).as_received());
        mails.push(signed(&config, &mut signing, address, ["Ada", " ", " \n\t\n", "\n\n\n"]).as_received());
    }
    for _ in 0..150 {
        let texts = [(); 4].map(|()| text(&mut random));
        let texts = [&texts[0], &texts[1], &texts[2], &texts[3]].map(String::as_str);
        mails.push(signed(&config, &mut signing, "ada@example.com", texts).as_received());
    }
    for (mail, found) in mails.iter().zip(verify(&records(&config), &mails)) {
        assert_eq!(found, RIGHT, "seed {seed}: {mail}");
    }
}

#[test]
fn what_a_relay_may_change_keeps_the_signatures_and_nothing_else() {
    let config = config(&two_keys());
    let mut signing = Signing::new(&config).unwrap();
    let mail =
        signed(&config, &mut signing, "ada@example.com", ["Ada", "Hello", "one\n two  three\n", "<p>x</p>"]);
    let mail = mail.as_received();
    let kept = [
        mail.clone(),
        format!("Received: from a by b\r\n{mail}"),
        format!("Feedback-ID: of:the:relay\r\n{mail}"),
        mail.replace("\r\nSubject: ", "\r\nSUBJECT:  \t"),
        mail.replace(" two  three\r\n", "\ttwo three \r\n"),
        mail.replace("Events,  Ltd.", "Events, Ltd."),
        format!("{mail}\r\n\r\n"),
    ];
    assert!(verify(&records(&config), &kept).iter().all(|found| found == &RIGHT));
    let mut broken: Vec<String> = [
        "From",
        "To",
        "Cc",
        "Subject",
        "Date",
        "Message-ID",
        "Reply-To",
        "References",
        "In-Reply-To",
        "MIME-Version",
        "Content-Type",
        "List-Unsubscribe",
        "List-Unsubscribe-Post",
    ]
    .iter()
    .map(|name| format!("{name}: another\r\n{mail}"))
    .collect();
    broken.push(mail.replace("one\r\n", "One\r\n"));
    broken.push(mail.replace("List-Id: ", "List-Id: x"));
    broken.push(mail.replace("\r\nFrom: ", "\r\nX-From: "));
    for (mail, found) in broken.iter().zip(verify(&records(&config), &broken)) {
        assert!(found.len() == 2 && found.iter().all(|wrong| !wrong.is_empty()), "{found:?}: {mail}");
    }
}

#[test]
fn one_key_makes_one_signature_and_none_makes_none() {
    for (key, algorithm) in
        [(TestKey::rsa("a.b", 1024), "rsa-sha256"), (TestKey::ed25519("x"), "ed25519-sha256")]
    {
        let config = config(&[key]);
        let mut signing = Signing::new(&config).unwrap();
        let mail = signed(&config, &mut signing, "ada@example.com", ["Ada", "Hello", "t", "h"]).as_received();
        assert!(
            mail.starts_with(&format!("DKIM-Signature: v=1; a={algorithm}; c=relaxed/relaxed;")),
            "{mail}"
        );
        assert_eq!(verify(&records(&config), &[mail]), [[""]]);
    }
    let config = config(&[]);
    let mut signing = Signing::new(&config).unwrap();
    let mail = signed(&config, &mut signing, "ada@example.com", ["Ada", "Hello", "t", "h"]);
    assert!(mail.data.starts_with("From: "), "{}", mail.data);
}

#[test]
fn the_lines_of_a_signature_are_short() {
    let long = "x".repeat(60);
    let mut config = config(&two_keys());
    for domain in [DOMAIN.to_owned(), [long.as_str(); 3].join(".")] {
        config.dkim.as_mut().unwrap().domain = domain.clone();
        let mut signing = Signing::new(&config).unwrap();
        let mail = signed(&config, &mut signing, "ada@example.com", ["Ada", "Hello", "t", "h"]).as_received();
        let (fields, _) = mail.split_once("From: ").unwrap();
        for line in fields.split("\r\n") {
            assert!(line.len() <= LINE_MAX || line == format!(" d={domain};"), "{line}");
        }
        assert!(fields.contains(" s=rsa1;") && fields.matches(" t=1700000000;").count() == 2, "{fields}");
        let unfolded = fields.replace("\r\n ", "");
        for list in [
            "From:From:Reply-To:Reply-To:To:To:Cc:Subject:Subject:Date:Date",
            "List-Unsubscribe:",
            "Feedback-ID:",
        ] {
            assert_eq!(unfolded.matches(list).count(), 2, "{fields}");
        }
        assert_eq!(verify(&records(&config), &[mail]), [RIGHT]);
    }
}
