//! The HTTP server.

use std::net::SocketAddr;

use crate::domain::ids::NotificationId;
use crate::text::count::count;

/// Other machines reach the server, and there is no token.
pub fn closed(addr: SocketAddr) {
    log::warn!(
        "HTTP_TOKEN is not set, and other machines reach HTTP_ADDR {addr}: it serves only what everybody may see, and refuses /metrics; set \
         HTTP_TOKEN (openssl rand -hex 32) to see it"
    );
}

/// A person has had dead letters replayed by the status page.
pub fn replayed(letters: u64) {
    log::info!("{} replayed, because a person asks so at the status page", count(letters, "dead letter"));
}

/// A person has had mails tried again by the status page.
pub fn retried(id: NotificationId, mails: u64, permanent_too: bool) {
    let which = if permanent_too { ", also those that failed for good" } else { "" };
    log::info!(
        "notification {id}: {} tried again that failed or were deferred{which}, because a person asks so at the status page",
        count(mails, "mail")
    );
}
