//! Certificates created at test time: an authority that no system trusts, and the certificates that it signs for
//! servers on loopback.

use std::time::{SystemTime, UNIX_EPOCH};

use native_tls::{Identity, TlsAcceptor};
use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, KeyUsage, SubjectAlternativeName, SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509Name, X509NameBuilder};

/// The names of this machine in the tests.
const THIS_MACHINE: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
const DAY: i64 = 24 * 60 * 60;

/// A private certificate authority.
#[derive(Debug)]
pub struct Authority {
    certificate: X509,
    key: PKey<Private>,
}

/// A server's certificate and its key.
#[derive(Debug, Clone)]
pub struct Issued {
    /// PEM.
    pub certificate: String,
    /// PEM, PKCS #8, not encrypted.
    pub key: String,
}

impl Authority {
    /// A new authority.
    pub fn new() -> Self {
        let key = new_key();
        let name = common_name("an authority of the tests");
        let mut builder = begin(&key, &name, DAY);
        builder.set_issuer_name(&name).unwrap();
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
        builder.append_extension(KeyUsage::new().critical().key_cert_sign().build().unwrap()).unwrap();
        let key_id = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None)).unwrap();
        builder.append_extension(key_id).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        Self { certificate: builder.build(), key }
    }

    /// The certificate of the authority, in PEM.
    pub fn pem(&self) -> String {
        pem(&self.certificate)
    }

    /// A valid certificate for a server on loopback.
    pub fn issue(&self) -> Issued {
        self.sign(&THIS_MACHINE, DAY)
    }

    /// A valid certificate for a server of another name.
    pub fn issue_for(&self, name: &str) -> Issued {
        self.sign(&[name], DAY)
    }

    /// A certificate that expired yesterday.
    pub fn issue_expired(&self) -> Issued {
        self.sign(&THIS_MACHINE, -DAY)
    }

    fn sign(&self, names: &[&str], lifetime: i64) -> Issued {
        let key = new_key();
        let mut builder = begin(&key, &common_name(names[0]), lifetime);
        builder.set_issuer_name(self.certificate.subject_name()).unwrap();
        let mut alternatives = SubjectAlternativeName::new();
        for name in names {
            if name.parse::<std::net::IpAddr>().is_ok() {
                alternatives.ip(name);
            } else {
                alternatives.dns(name);
            }
        }
        let context = builder.x509v3_context(Some(&self.certificate), None);
        let alternatives = alternatives.build(&context).unwrap();
        // All authorities of the tests have the same name. The key id tells them apart, as when a CA has a new key.
        let issuer = AuthorityKeyIdentifier::new().keyid(true).build(&context).unwrap();
        builder.append_extension(alternatives).unwrap();
        builder.append_extension(issuer).unwrap();
        builder.sign(&self.key, MessageDigest::sha256()).unwrap();
        let key = String::from_utf8(key.private_key_to_pem_pkcs8().unwrap()).unwrap();
        Issued { certificate: pem(&builder.build()), key }
    }
}

impl Issued {
    /// A TLS acceptor with this certificate.
    pub fn acceptor(&self) -> TlsAcceptor {
        let identity = Identity::from_pkcs8(self.certificate.as_bytes(), self.key.as_bytes()).unwrap();
        TlsAcceptor::new(identity).unwrap()
    }
}

fn new_key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

fn common_name(name: &str) -> X509Name {
    let mut builder = X509NameBuilder::new().unwrap();
    builder.append_entry_by_nid(Nid::COMMONNAME, name).unwrap();
    builder.build()
}

/// A certificate without issuer and extensions, valid from ten days ago until `lifetime` seconds from now.
fn begin(key: &PKey<Private>, subject: &X509Name, lifetime: i64) -> X509Builder {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let now = i64::try_from(now).unwrap();
    let mut serial = BigNum::new().unwrap();
    serial.rand(127, MsbOption::ONE, false).unwrap();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&serial.to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(subject).unwrap();
    builder.set_pubkey(key).unwrap();
    builder.set_not_before(&Asn1Time::from_unix(now - 10 * DAY).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::from_unix(now + lifetime).unwrap()).unwrap();
    builder
}

fn pem(certificate: &X509) -> String {
    String::from_utf8(certificate.to_pem().unwrap()).unwrap()
}
