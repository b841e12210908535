//! The HTTP server.

use std::net::SocketAddr;

/// Other machines reach the server, and there is no token.
pub fn closed(addr: SocketAddr) {
    log::warn!(
        "HTTP_TOKEN is not set, and other machines reach HTTP_ADDR {addr}: it serves only what everybody may see, and refuses /metrics; set \
         HTTP_TOKEN (openssl rand -hex 32) to see it"
    );
}
