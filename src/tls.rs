//! TLS with a broker or a relay: the connector, and why a certificate was refused; and a client for HTTPS. `config` reads the files of
//! certificates; opening the TCP connection is left to `net`.

use std::time::Duration;

use native_tls::{Certificate, TlsConnector};
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Proxy};

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

/// A client for HTTP and HTTPS, with the authorities of the system. It follows no redirect, and an error of the server is a response like
/// others. `timeout` is the longest time for one request, with name look-up, connection and response.
#[must_use]
pub fn https_agent(timeout: Duration) -> Agent {
    agent(timeout, Proxy::try_from_env())
}

/// The same, without the proxy of `HTTPS_PROXY`: for servers of one's own.
#[must_use]
pub fn direct_agent(timeout: Duration) -> Agent {
    agent(timeout, None)
}

fn agent(timeout: Duration, proxy: Option<Proxy>) -> Agent {
    let tls =
        TlsConfig::builder().provider(TlsProvider::NativeTls).root_certs(RootCerts::PlatformVerifier).build();
    Agent::config_builder()
        .tls_config(tls)
        .proxy(proxy)
        .timeout_global(Some(timeout))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .build()
        .new_agent()
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
