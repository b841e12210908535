//! Files as people have them, and the problems that are reported.

use std::net::{TcpListener, TcpStream};
use std::thread;

use testkit::certificates::{Authority, Issued};

use super::*;
use crate::config::reader::Reader;
use crate::tls::connector;

/// The problem of a file with this content.
fn problem(content: &[u8]) -> String {
    CaCertificates::parse(content).expect_err("it was accepted")
}

#[test]
fn every_certificate_in_the_file_is_trusted() {
    let (one, other) = (Authority::new(), Authority::new());
    let file = format!("\u{feff}# ours\r\n{}and theirs:\n{}\n", one.pem().replace('\n', "\r\n"), other.pem());
    let both = CaCertificates::parse(file.as_bytes()).unwrap();
    assert_eq!(format!("{both:?}"), "CaCertificates(2)");
    for authority in [&one, &other] {
        assert!(handshake(&both, &authority.issue()), "one of them is not trusted");
    }
    assert!(!handshake(&both, &Authority::new().issue()), "an unknown authority is trusted");
    assert!(!handshake(&CaCertificates::default(), &one.issue()), "trusted without a file");
}

/// Whether a client that trusts these authorities accepts this certificate.
fn handshake(ca_certificates: &CaCertificates, issued: &Issued) -> bool {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = issued.acceptor();
    let server = thread::spawn(move || acceptor.accept(listener.accept().unwrap().0).is_ok());
    let stream = TcpStream::connect(address).unwrap();
    let accepted = connector(ca_certificates.as_slice()).unwrap().connect("localhost", stream).is_ok();
    server.join().unwrap();
    accepted
}

#[test]
fn a_private_key_next_to_the_certificate_is_ignored() {
    let issued = Authority::new().issue();
    let file = format!("{}{}", issued.key, issued.certificate);
    assert!(CaCertificates::parse(file.as_bytes()).is_ok());
}

#[test]
fn a_file_without_certificates_is_reported_with_what_to_do() {
    let authority = Authority::new();
    let issued = authority.issue();
    assert!(problem(issued.key.as_bytes()).contains("contains only a private key"));
    let der = openssl::x509::X509::from_pem(authority.pem().as_bytes()).unwrap().to_der().unwrap();
    assert!(problem(&der).contains("looks like DER; convert it: openssl x509 -inform der"));
    for content in ["", "\n", "not a certificate\n", "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n"]
    {
        assert!(problem(content.as_bytes()).contains("the file contains none"), "{content}");
    }
}

#[test]
fn one_damaged_certificate_is_not_ignored() {
    let good = Authority::new().pem();
    let cut = &good[..good.len() / 2];
    let indented = good.replace("-----BEGIN", "  -----BEGIN");
    let garbled = good.replace('M', "!");
    for bad in [cut, &indented, &garbled] {
        for file in [format!("{bad}\n"), format!("{good}{bad}\n"), format!("{bad}\n{good}")] {
            assert!(problem(file.as_bytes()).contains("one in it is damaged"), "{file}");
        }
    }
}

#[test]
fn a_file_that_cannot_be_read_is_reported_with_variable_and_path() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("ca.pem").display().to_string();
    let problem = |path: &str| {
        let lookup = |_: &str| Some(path.to_owned());
        let mut reader = Reader::new(&lookup);
        CaCertificates::read(&mut reader, "SMTP_CA_FILE");
        reader.finish().unwrap_err().problems()[0].to_string()
    };
    assert_eq!(
        problem(&missing),
        format!(
            "SMTP_CA_FILE is {missing:?}; expected a PEM file of certificates, but there is no such file; correct the path"
        )
    );
    assert!(problem(&dir.path().display().to_string()).ends_with("but: Is a directory (os error 21)"));
    let denied = unreadable(&ErrorKind::PermissionDenied.into());
    assert!(denied.contains("certificates are no secret"), "{denied}");
}
