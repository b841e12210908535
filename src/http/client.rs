//! Whose request it is. A proxy in front of the server says it in `X-Forwarded-For`.

use std::net::IpAddr;

use axum::http::HeaderMap;

/// The address of the other end of a connection. Each request has it among its extensions.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// The client: what the last proxy says, if the request comes from this machine or a private network, as that of a proxy does. What is
/// before the last address, the client may have written itself.
pub fn client_address(Peer(peer): Peer, headers: &HeaderMap) -> IpAddr {
    let forwarded = || {
        let last = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
        last.rsplit(',').next()?.trim().parse().ok()
    };
    if is_private(peer) { forwarded().unwrap_or(peer) } else { peer }
}

fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address.is_private(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        client_address(Peer(peer.parse().unwrap()), &headers).to_string()
    }

    #[test]
    fn a_proxy_nearby_is_believed_and_no_other_peer() {
        for peer in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.1.2.3", "192.168.0.1", "fd00::1"] {
            assert_eq!(client(peer, &["203.0.113.9, 198.51.100.7"]), "198.51.100.7", "{peer}");
            assert_eq!(client(peer, &["203.0.113.9", "2001:db8::1"]), "2001:db8::1", "{peer}");
        }
        assert_eq!(client("198.51.100.7", &["203.0.113.9"]), "198.51.100.7");
        for nonsense in ["", "unknown", "203.0.113.9:80", ","] {
            assert_eq!(client("127.0.0.1", &[nonsense]), "127.0.0.1", "{nonsense}");
        }
        assert_eq!(client("127.0.0.1", &[]), "127.0.0.1");
    }
}
