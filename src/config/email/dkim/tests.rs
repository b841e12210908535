//! Keys, selectors and domains: which are taken, which are warned of, and what is said of others.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::symm::Cipher;
use testkit::dkim::TestKey;

use super::*;
use crate::config::Config;

fn read(set: &[(&str, &str)]) -> Result<Option<DkimConfig>, String> {
    let value =
        |wanted: &str| set.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned());
    let lookup =
        |name: &str| value(name).or_else(|| (name == "FROM_EMAIL").then(|| "events@example.org".to_owned()));
    Config::from_lookup(&lookup).map(|config| config.email.dkim).map_err(|errors| errors.to_string())
}

fn read_key(key: &str) -> Result<DkimConfig, String> {
    read(&[("DKIM_SELECTOR", "fanmail1"), ("DKIM_PRIVATE_KEY", key)]).map(Option::unwrap)
}

fn read_file(path: &Path) -> Result<DkimConfig, String> {
    let set = [("DKIM_SELECTOR", "fanmail1"), ("DKIM_PRIVATE_KEY_FILE", path.to_str().unwrap())];
    read(&set).map(Option::unwrap)
}

#[test]
fn without_variables_nothing_is_signed() {
    assert!(read(&[]).unwrap().is_none());
}

#[test]
fn a_key_of_each_type_is_taken_in_each_form() {
    let rsa = Rsa::generate(2048).unwrap();
    let pkcs1 = String::from_utf8(rsa.private_key_to_pem().unwrap()).unwrap();
    let rsa = PKey::from_rsa(rsa).unwrap();
    let pkcs8 = String::from_utf8(rsa.private_key_to_pem_pkcs8().unwrap()).unwrap();
    for pem in [&pkcs1, &pkcs8, &pkcs8.replace('\n', "\\n"), &pkcs8.replace('\n', "\r\n")] {
        let config = read_key(pem).unwrap();
        assert_eq!((config.domain.as_str(), config.keys.len()), ("example.org", 1));
        assert_eq!(config.keys[0].algorithm, DkimAlgorithm::RsaSha256);
        assert!(config.keys[0].record.starts_with("v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A"));
        assert_eq!(config.warnings, [""; 0]);
    }
    let config = read(&[
        ("DKIM_DOMAIN", "Example.ORG"),
        ("DKIM_SELECTOR", "Fan-1.mail"),
        ("DKIM_PRIVATE_KEY", &pkcs8),
        ("DKIM_SELECTOR_2", "e"),
        ("DKIM_PRIVATE_KEY_2", &TestKey::ed25519("e").private),
    ]);
    let config = config.unwrap().unwrap();
    assert_eq!(
        config.to_string(),
        "domain example.org, selector fan-1.mail (rsa-sha256) and e (ed25519-sha256)"
    );
    assert_eq!(config.keys[1].name(&config.domain), "e._domainkey.example.org");
    let (begin, public) = config.keys[1].record.split_at("v=DKIM1; k=ed25519; p=".len());
    assert_eq!((begin, public.len()), ("v=DKIM1; k=ed25519; p=", 44));
    let made = TestKey { selector: "fan-1.mail", private: pkcs8.clone() }.record("example.org");
    assert_eq!((config.keys[0].name(&config.domain), config.keys[0].record.clone()), made);
    let secret = pkcs8.lines().nth(3).unwrap();
    assert!(!format!("{config:?}").contains(secret), "a private key is not shown");
}

#[test]
fn any_other_text_is_told_for_what_it_is() {
    let rsa = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let pem = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let pkcs8 = pem(rsa.private_key_to_pem_pkcs8().unwrap());
    let passphrase = b"MARKER";
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let ec = pem(EcKey::generate(&group).unwrap().private_key_to_pem().unwrap());
    let x25519 = pem(PKey::generate_x25519().unwrap().private_key_to_pem_pkcs8().unwrap());
    let damaged = pkcs8.replacen("\nM", "\nN", 1);
    for (text, told) in [
        ("MARKER", "holds no private key; expected an RSA key or an Ed25519 key in PEM form"),
        (&pem(rsa.public_key_to_pem().unwrap()), "holds a public key, which belongs into DNS"),
        (&pem(rsa.rsa().unwrap().public_key_to_pem_pkcs1().unwrap()), "holds a public key"),
        (
            &pem(rsa.private_key_to_pem_pkcs8_passphrase(Cipher::aes_128_cbc(), passphrase).unwrap()),
            "encrypted with a passphrase; expected it decrypted",
        ),
        (
            &pem(rsa
                .rsa()
                .unwrap()
                .private_key_to_pem_passphrase(Cipher::aes_128_cbc(), passphrase)
                .unwrap()),
            "encrypted with a passphrase; expected it decrypted",
        ),
        (&pkcs8[..pkcs8.len() / 2], "holds a private key that is damaged or incomplete"),
        (&damaged, "holds a private key that is damaged or incomplete"),
        (&ec, "holds a key for ECDSA, which DKIM does not know"),
        (&x25519, "of a type that DKIM does not know"),
        (&TestKey::rsa("a", 768).private, "holds an RSA key of 768 bits, which verifiers refuse"),
        ("-----BEGIN CERTIFICATE-----\nMARKER", "holds a certificate; expected the private key alone"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nMARKER", "holds a key in OpenSSH's form"),
    ] {
        let error = read_key(text).unwrap_err();
        assert!(
            error.contains(&format!("DKIM_PRIVATE_KEY {told}")) || error.contains(told),
            "{told}: {error}"
        );
        assert!(error.contains("DKIM_PRIVATE_KEY ") && !error.contains("MARKER"), "{error}");
    }
}

#[test]
fn files_are_read_and_what_is_wrong_with_them_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("dkim.pem");
    assert!(read_file(&path).unwrap_err().contains("DKIM_PRIVATE_KEY_FILE is "));
    let key = TestKey::rsa("fanmail1", 1024);
    fs::write(&path, &key.private).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let [warning] = &read_file(&path).unwrap().warnings[..] else { panic!() };
    assert!(
        warning
            .starts_with("DKIM_PRIVATE_KEY_FILE holds an RSA key of 1024 bits; Gmail and others want 2048")
    );
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let warnings = read_file(&path).unwrap().warnings;
    assert!(
        warnings.len() == 2 && warnings[1].contains("every user of this machine can read"),
        "{warnings:?}"
    );
    assert!(warnings[1].contains("(mode 644)"), "{warnings:?}");
    fs::write(
        &path,
        PKey::private_key_from_pem(key.private.as_bytes()).unwrap().private_key_to_der().unwrap(),
    )
    .unwrap();
    let error = read_file(&path).unwrap_err();
    assert!(
        error.contains("DKIM_PRIVATE_KEY_FILE names a file that is no text; a key in DER form"),
        "{error}"
    );
    fs::write(&path, "").unwrap();
    assert!(read_file(&path).unwrap_err().contains("this file is empty"));
}

#[test]
fn what_belongs_together_is_asked_for() {
    let key = TestKey::ed25519("a").private;
    for (set, told) in [
        (&[("DKIM_SELECTOR", "a")][..], "DKIM_PRIVATE_KEY is not set, but DKIM_SELECTOR is"),
        (&[("DKIM_PRIVATE_KEY", key.as_str())], "DKIM_SELECTOR is not set, but DKIM_PRIVATE_KEY is"),
        (&[("DKIM_PRIVATE_KEY_2", key.as_str())], "DKIM_SELECTOR_2 is not set, but DKIM_PRIVATE_KEY_2 is"),
        (
            &[("DKIM_DOMAIN", "example.org")],
            "DKIM_DOMAIN is set, but DKIM_SELECTOR and DKIM_PRIVATE_KEY_FILE are not",
        ),
        (
            &[
                ("DKIM_SELECTOR", "a"),
                ("DKIM_PRIVATE_KEY", key.as_str()),
                ("DKIM_SELECTOR_2", "A"),
                ("DKIM_PRIVATE_KEY_2", key.as_str()),
            ],
            "DKIM_SELECTOR_2 is the same as DKIM_SELECTOR",
        ),
        (
            &[("DKIM_SELECTOR", "a"), ("DKIM_PRIVATE_KEY", key.as_str()), ("FROM_EMAIL", "a@[192.0.2.1]")],
            "DKIM_DOMAIN is not set, and FROM_EMAIL has no domain that could sign",
        ),
    ] {
        let error = read(set).unwrap_err();
        assert!(error.contains(told), "{told}: {error}");
        assert_eq!(error.matches("\n  ").count(), 1, "one problem: {error}");
    }
}

#[test]
fn what_is_no_name_in_dns_is_refused() {
    let key = TestKey::ed25519("a").private;
    let long = "x".repeat(64);
    let longest = [&long[..63]; 4].join(".");
    for selector in ["a_b", "a._domainkey.example.org", "-a", "a-", "a..b", ".", "ä", "a b", &long, &longest]
    {
        let error = read(&[("DKIM_SELECTOR", selector), ("DKIM_PRIVATE_KEY", &key)]).unwrap_err();
        assert!(error.contains("DKIM_SELECTOR is \""), "{selector}: {error}");
    }
    for domain in
        ["example", "exämple.org", "example.org.", "https://example.org", "a_b.example.org", "[192.0.2.1]"]
    {
        let error =
            read(&[("DKIM_DOMAIN", domain), ("DKIM_SELECTOR", "a"), ("DKIM_PRIVATE_KEY", &key)]).unwrap_err();
        assert!(error.contains("DKIM_DOMAIN is \""), "{domain}: {error}");
    }
}

#[test]
fn a_domain_that_does_not_count_for_dmarc_is_warned_of() {
    for (domain, from, is_aligned) in [
        ("example.org", "example.org", true),
        ("example.org", "EXAMPLE.org", true),
        ("example.org", "mail.example.org", true),
        ("mail.example.org", "example.org", true),
        ("example.net", "example.org", false),
        ("xample.org", "example.org", false),
        ("example.org", "xample.org", false),
    ] {
        let found = not_aligned(domain, &from.to_ascii_lowercase());
        assert_eq!(found.is_none(), is_aligned, "{domain} {from}");
    }
    let key = TestKey::ed25519("a").private;
    let set = [("DKIM_DOMAIN", "example.net"), ("DKIM_SELECTOR", "a"), ("DKIM_PRIVATE_KEY", key.as_str())];
    let warnings = read(&set).unwrap().unwrap().warnings;
    assert!(warnings.len() == 1 && warnings[0].contains("set DKIM_DOMAIN=example.org"), "{warnings:?}");
}

#[test]
fn the_public_half_of_a_key_is_known_in_each_form() {
    let rsa = Rsa::generate(2048).unwrap();
    let encode = openssl::base64::encode_block;
    let private = PKey::from_rsa(rsa.clone()).unwrap();
    let pem = String::from_utf8(private.private_key_to_pem_pkcs8().unwrap()).unwrap();
    let key = read_key(&pem).unwrap().keys.remove(0);
    let (whole, bare) =
        (encode(&rsa.public_key_to_der().unwrap()), encode(&rsa.public_key_to_der_pkcs1().unwrap()));
    let other = TestKey::rsa("r", 2048).record("x.org").1;
    let other = other.split_once("p=").unwrap().1;
    for (base64, expected) in [
        (whole.as_str(), true),
        (&bare, true),
        (other, false),
        ("", false),
        ("MIIB", false),
        ("ä", false),
        (&whole[4..], false),
    ] {
        assert_eq!(key.has_public_half(base64), expected, "{base64}");
    }
    let ed25519 = TestKey::ed25519("e");
    let key = read_key(&ed25519.private).unwrap().keys.remove(0);
    let record = ed25519.record("x.org").1;
    assert!(key.has_public_half(record.split_once("p=").unwrap().1) && !key.has_public_half(other));
}
