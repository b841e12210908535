//! Reads a private key for DKIM, and says of another text what it is and what to do.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::error::ErrorStack;
use openssl::pkey::{Id, PKey, Private};
use openssl::rsa::Rsa;

use crate::config::email::dkim::DkimAlgorithm;

/// Verifiers take no shorter RSA key (RFC 8301 section 3.2).
const RSA_BITS_MIN: u32 = 1024;
/// An RSA key should have as many bits (RFC 8301 section 3.2).
const RSA_BITS: u32 = 2048;
/// Verifiers need not take a longer RSA key (RFC 8301 section 3.2).
const RSA_BITS_MAX: u32 = 4096;

const EXPECTED: &str = "expected an RSA key or an Ed25519 key in PEM form, which begins with -----BEGIN PRIVATE KEY-----; make one \
                        with: openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out dkim.pem";

/// What is known of texts that are no private key for DKIM: what the first line has, and the sentence behind the variable.
const OTHERS: [(&str, &str); 6] = [
    (
        "-----BEGIN PUBLIC KEY-----",
        "holds a public key, which belongs into DNS; expected the private key that it was made from",
    ),
    (
        "-----BEGIN RSA PUBLIC KEY-----",
        "holds a public key, which belongs into DNS; expected the private key that it was made from",
    ),
    ("-----BEGIN CERTIFICATE-----", "holds a certificate; expected the private key alone"),
    (
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        "holds a key in OpenSSH's form; expected PEM form: ssh-keygen -p -m pkcs8 -f THAT_FILE converts an RSA key",
    ),
    (
        "-----BEGIN ENCRYPTED PRIVATE KEY-----",
        "holds a key that is encrypted with a passphrase; expected it decrypted, in a file that only fanmail's user can read: openssl \
         pkey -in THAT_FILE -out dkim.pem",
    ),
    (
        "Proc-Type: 4,ENCRYPTED",
        "holds a key that is encrypted with a passphrase; expected it decrypted, in a file that only fanmail's user can read: openssl \
         pkey -in THAT_FILE -out dkim.pem",
    ),
];

/// A key that can sign.
pub(super) struct Found {
    pub key: PKey<Private>,
    pub algorithm: DkimAlgorithm,
    /// The TXT record with its public half.
    pub record: String,
    /// A sentence that continues behind the name of the variable.
    pub warning: Option<String>,
}

/// Whether the file can be PEM.
///
/// # Errors
/// A sentence that continues behind the name of the variable.
pub(super) fn is_text(file: &[u8]) -> Result<(), &'static str> {
    if str::from_utf8(file).is_err() {
        return Err(
            "names a file that is no text; a key in DER form becomes PEM with: openssl pkey -inform der -in THAT_FILE -out \
                    dkim.pem",
        );
    }
    Ok(())
}

/// Reads a private key in PEM form (PKCS#8, or PKCS#1 for RSA). A text on one line may have `\n` for each line end, as variables of
/// containers do.
///
/// # Errors
/// A sentence that continues behind the name of the variable. It shows nothing of the text.
pub(super) fn parse(text: &str) -> Result<Found, String> {
    let pem = text.replace("\\n", "\n");
    if let Some((_, sentence)) = OTHERS.iter().find(|(sign, _)| pem.contains(sign)) {
        return Err((*sentence).to_owned());
    }
    // Without a callback, OpenSSL would ask for a passphrase at the terminal.
    let key = PKey::private_key_from_pem_callback(pem.as_bytes(), |_| Err(ErrorStack::get()));
    let key = key.map_err(|_| {
        let what = if pem.contains("PRIVATE KEY-----") {
            "holds a private key that is damaged or incomplete"
        } else {
            "holds no private key"
        };
        format!("{what}; {EXPECTED}")
    })?;
    let unusable = |error: ErrorStack| format!("holds a key that OpenSSL cannot use ({error}); {EXPECTED}");
    match key.id() {
        Id::RSA => of_rsa(key, unusable),
        Id::ED25519 => {
            let public = key.raw_public_key().map_err(unusable)?;
            let record = format!("v=DKIM1; k=ed25519; p={}", STANDARD.encode(public));
            Ok(Found { key, algorithm: DkimAlgorithm::Ed25519Sha256, record, warning: None })
        }
        Id::EC => Err(format!("holds a key for ECDSA, which DKIM does not know; {EXPECTED}")),
        Id::RSA_PSS => Err(format!("holds a key for RSA-PSS, which DKIM does not know; {EXPECTED}")),
        _ => Err(format!("holds a key of a type that DKIM does not know; {EXPECTED}")),
    }
}

/// Whether a text in base64 is the public half: as a `SubjectPublicKeyInfo`, which everyone publishes, as the `RSAPublicKey` that RFC 6376
/// section 3.6.1 names, or as the bare 32 bytes of Ed25519 (RFC 8463 section 4).
pub(super) fn has_public_half(private: &PKey<Private>, base64: &str) -> bool {
    let Ok(bytes) = STANDARD.decode(base64) else { return false };
    match private.id() {
        Id::ED25519 => private.raw_public_key().is_ok_and(|key| key == bytes),
        _ => PKey::public_key_from_der(&bytes)
            .or_else(|_| Rsa::public_key_from_der_pkcs1(&bytes).and_then(PKey::from_rsa))
            .is_ok_and(|public| private.public_eq(&public)),
    }
}

fn of_rsa(key: PKey<Private>, unusable: impl Fn(ErrorStack) -> String) -> Result<Found, String> {
    let bits = key.bits();
    if bits < RSA_BITS_MIN {
        return Err(format!(
            "holds an RSA key of {bits} bits, which verifiers refuse (RFC 8301 section 3.2); {EXPECTED}"
        ));
    }
    if !key.rsa().and_then(|rsa| rsa.check_key()).map_err(&unusable)? {
        return Err(format!("holds a private key that is damaged; {EXPECTED}"));
    }
    let warning = if bits < RSA_BITS {
        Some(format!(
            "holds an RSA key of {bits} bits; Gmail and others want {RSA_BITS}: make a new key, with a new selector (RFC 8301 section 3.2)"
        ))
    } else if bits > RSA_BITS_MAX {
        Some(format!(
            "holds an RSA key of {bits} bits; verifiers need not take more than {RSA_BITS_MAX} (RFC 8301 section 3.2), and each mail \
             costs more: {RSA_BITS} are enough"
        ))
    } else {
        None
    };
    let public = key.public_key_to_der().map_err(unusable)?;
    let record = format!("v=DKIM1; k=rsa; p={}", STANDARD.encode(public));
    Ok(Found { key, algorithm: DkimAlgorithm::RsaSha256, record, warning })
}
