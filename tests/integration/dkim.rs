//! Mails that a worker signs, as dkimpy verifies what the relay gets; and keys that no worker starts with.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use testkit::dkim::{TestKey, verify};
use testkit::scenario::{DOMAIN, Scenario};

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
