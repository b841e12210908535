//! Mails that a worker signs, as dkimpy verifies what the relay gets; and keys that no worker starts with.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use testkit::dkim::{TestKey, verify, verify_with_perl};
use testkit::postfix::Postfix;
use testkit::scenario::{DOMAIN, EVENT, Scenario};
use testkit::smtp::SmtpServer;
use testkit::wait::wait_until;

#[test]
fn the_relay_gets_mails_of_every_kind_with_signatures_that_are_right() {
    let keys = [TestKey::rsa("rsa1", 2048), TestKey::ed25519("ed1")];
    let scenario = Scenario::with_relay("dkim", 5)
        .env("DKIM_SELECTOR", keys[0].selector)
        .env("DKIM_PRIVATE_KEY", &keys[0].private)
        .env("DKIM_SELECTOR_2", keys[1].selector)
        .env("DKIM_PRIVATE_KEY_2", &keys[1].private)
        .build();
    // Lines that begin with a dot go out with a second one, which is not signed.
    scenario.ledger.execute(
        "UPDATE events SET description = '.dot  two ' || char(10) || '..' || char(10) || '.  ' || char(10)",
    );
    let worker = scenario.worker();
    for (kinds, kind) in ["CREATED", "UPDATED", "CANCELLED"].into_iter().enumerate() {
        scenario.publish(kind);
        scenario.wait_for_acks(kinds + 1);
    }
    let log = worker.stop().err;
    let told = format!(
        "signing mails with DKIM: domain {DOMAIN}, selector rsa1 (rsa-sha256) and ed1 (ed25519-sha256)"
    );
    assert!(log.contains(&told) && !log.contains("PRIVATE KEY"), "{log}");
    let mails: Vec<String> = scenario
        .smtp
        .log()
        .received
        .iter()
        .map(|mail| String::from_utf8(mail.raw.to_vec()).unwrap())
        .collect();
    assert_eq!(mails.len(), 15);
    assert!(mails.iter().any(|mail| mail.contains("\r\n.dot")));
    for (mail, found) in mails.iter().zip(verify(&keys.map(|key| key.record(DOMAIN)), &mails)) {
        assert_eq!(found, ["", ""], "{mail}");
    }
}

/// Postfix adds headers, and writes its own line ends to a mailbox. One recipient has a mailbox there, the others are behind the next server.
#[test]
fn signatures_are_right_behind_a_real_postfix_for_two_judges() {
    let next = SmtpServer::start();
    let Some(postfix) = Postfix::start(next.port, DOMAIN) else { return };
    let keys = [TestKey::rsa("rsa1", 2048), TestKey::ed25519("ed1")];
    let scenario = Scenario::builder("dkim-postfix")
        .participants(9)
        .env("SMTP_PORT", &postfix.port.to_string())
        .env("DKIM_SELECTOR", keys[0].selector)
        .env("DKIM_PRIVATE_KEY", &keys[0].private)
        .env("DKIM_SELECTOR_2", keys[1].selector)
        .env("DKIM_PRIVATE_KEY_2", &keys[1].private)
        .env("UNSUBSCRIBE_URL", "https://events.example.org/unsubscribe")
        .env("UNSUBSCRIBE_SECRET", "a-secret-of-a-test-that-is-long-enough")
        .build();
    scenario.ledger.execute(&format!(
        "INSERT INTO participants (event_id, email, name) VALUES ({EVENT}, 'ann@{DOMAIN}', 'Zoë  Ångström')"
    ));
    let worker = scenario.worker();
    scenario.publish("CREATED");
    scenario.publish("UPDATED");
    scenario.wait_for_acks(2);
    worker.stop();
    let mailbox = postfix.maildir().join("new");
    wait_until("the mails behind Postfix", || {
        next.accepted() == 18 && fs::read_dir(&mailbox).is_ok_and(|files| files.count() == 2)
    });
    let passed_on = next.log().received.into_iter().map(|mail| mail.raw.to_vec());
    let files = fs::read_dir(&mailbox).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap());
    let mails: Vec<String> = passed_on.chain(files).map(|mail| String::from_utf8(mail).unwrap()).collect();
    // As a verifier gets them over SMTP.
    let mails: Vec<String> =
        mails.iter().map(|mail| mail.replace("\r\n", "\n").replace('\n', "\r\n")).collect();
    let records = keys.map(|key| key.record(DOMAIN));
    let judged = verify(&records, &mails).into_iter().zip(verify_with_perl(&records, &mails));
    for (mail, (dkimpy, mail_dkim)) in mails.iter().zip(judged) {
        assert!(mail.contains("Received: from "), "{mail}");
        assert_eq!(dkimpy, ["", ""], "{mail}");
        // The RSA signature stands first.
        assert_eq!((mail_dkim.len(), mail_dkim[0].as_str()), (2, ""), "{mail}");
        assert!(mail_dkim[1].is_empty() || mail_dkim[1].contains("unsupported"), "{mail_dkim:?} {mail}");
    }
    let changed = [mails[0].replacen("\r\nSubject: ", "\r\nSubject: x", 1)];
    assert!(verify_with_perl(&records, &changed)[0].iter().all(|found| !found.is_empty()));
}

#[test]
fn a_key_that_cannot_sign_stops_every_verb_and_a_weak_one_is_noted() {
    let mut scenario = Scenario::with_relay("dkim-bad-key", 0).build();
    let path = scenario.path("dkim.pem");
    fs::write(&path, "MARKER").unwrap();
    let mut set = |name: &str, value: &str| scenario.environment.insert(name.to_owned(), value.to_owned());
    set("DKIM_SELECTOR", "rsa1");
    set("DKIM_PRIVATE_KEY_FILE", path.to_str().unwrap());
    for verb in ["worker", "check"] {
        let ended = scenario.run(&[verb]);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(
            ended.err.contains("DKIM_PRIVATE_KEY_FILE holds no private key; expected an RSA key"),
            "{}",
            ended.err
        );
        assert!(!ended.err.contains("MARKER"), "{}", ended.err);
    }
    fs::write(&path, TestKey::rsa("rsa1", 1024).private).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
    let noted = scenario.run(&["check"]).out;
    assert!(noted.contains("note     DKIM_PRIVATE_KEY_FILE holds an RSA key of 1024 bits"), "{noted}");
    assert!(noted.contains("note     DKIM_PRIVATE_KEY_FILE: every user of this machine can read"), "{noted}");
}

#[test]
fn previews_and_test_mails_are_signed_as_well() {
    let key = TestKey::ed25519("ed1");
    let scenario = Scenario::with_relay("dkim-single", 0)
        .env("DKIM_SELECTOR", key.selector)
        .env("DKIM_PRIVATE_KEY", &key.private)
        .build();
    assert!(
        scenario.run_ok(&["preview", "--type", "UPDATED"]).contains("DKIM-Signature: v=1; a=ed25519-sha256;")
    );
    scenario.run_ok(&["send-test", "--to", "me@example.net"]);
    let mail = String::from_utf8(scenario.smtp.log().received[0].raw.to_vec()).unwrap();
    assert_eq!(verify(&[key.record(DOMAIN)], &[mail]), [[""]]);
}
