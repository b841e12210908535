//! Delivery status notifications (RFC 3464): a group of fields about the mail, and one for each recipient.

use crate::bounces::mime::{Entity, fields_of};
use crate::bounces::status_code::StatusCode;
use crate::text::clean::char_boundary;

/// Most bytes that are read of the fields: those of one recipient take some hundred.
const MAX: usize = 64 * 1024;

/// Most bytes of a server's words that are kept.
const WORDS_MAX: usize = 4 * 1024;

/// What became of the mail.
pub enum Delivery {
    /// It was given up, with the status and the words of the server.
    Failed(Option<StatusCode>, String),
    /// It is delayed, or arrived somewhere.
    NotFinal,
    /// The fields say nothing.
    Unreadable,
}

/// Reads the part `message/delivery-status`. A mail of ours has one recipient; behind an alias there may be several, and one that failed
/// makes a bounce.
pub fn read(part: &Entity<'_>) -> Delivery {
    let text = part.text(MAX).replace("\r\n", "\n");
    let mut found = Delivery::Unreadable;
    for group in text.split("\n\n") {
        match read_group(group.trim_start_matches('\n')) {
            failed @ Delivery::Failed(..) => return failed,
            Delivery::NotFinal => found = Delivery::NotFinal,
            Delivery::Unreadable => {}
        }
    }
    found
}

fn read_group(group: &str) -> Delivery {
    let (mut action, mut status, mut words) = (None, None, String::new());
    for (name, value) in fields_of(group.as_bytes()) {
        match name.to_ascii_lowercase().as_str() {
            "action" => action = Some(first_word(&value).to_ascii_lowercase()),
            "status" => status = StatusCode::find(&value),
            "diagnostic-code" | "x-diagnostic-code" if words.is_empty() => words = cut(value),
            _ => {}
        }
    }
    match (action.as_deref(), status) {
        (Some("delayed" | "delivered" | "relayed" | "expanded"), _) => Delivery::NotFinal,
        // Without an action, the class of the status says it.
        (Some("failed"), _) | (_, Some(StatusCode { class: 5, .. })) => Delivery::Failed(status, words),
        (_, Some(_)) => Delivery::NotFinal,
        (_, None) => Delivery::Unreadable,
    }
}

/// `failed (user unknown)` has a comment.
fn first_word(value: &str) -> &str {
    value.split(|c: char| !c.is_ascii_alphabetic()).find(|word| !word.is_empty()).unwrap_or_default()
}

fn cut(mut words: String) -> String {
    words.truncate(char_boundary(&words, WORDS_MAX));
    words
}
