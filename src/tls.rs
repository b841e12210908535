//! TLS with a broker or a relay: the connector, and why a certificate was refused. `config` reads the files of
//! certificates; opening the TCP connection is left to `net`.

use native_tls::{Certificate, TlsConnector};

/// A connector for TLS 1.2 or newer. The server's certificate must be valid, made for the server's name, and signed
/// by an authority that the system or `ca_certificates` trusts.
///
/// # Errors
/// When the TLS library cannot be set up.
pub fn connector(ca_certificates: &[Certificate]) -> Result<TlsConnector, native_tls::Error> {
    let mut builder = TlsConnector::builder();
    for certificate in ca_certificates {
        builder.add_root_certificate(certificate.clone());
    }
    builder.build()
}

/// Why the server's certificate was refused, such as `certificate has expired`; `None` when the handshake failed for
/// another reason.
#[must_use]
pub fn certificate_error(error: &native_tls::Error) -> Option<String> {
    let text = error.to_string();
    // OpenSSL puts the result of the verification at the end, in parentheses.
    let (_, result) = text.contains("certificate verify failed").then(|| text.rsplit_once('('))??;
    Some(result.trim_end_matches(')').to_owned())
}
