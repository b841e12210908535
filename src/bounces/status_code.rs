//! Enhanced status codes (RFC 3463) of mails that came back, and what follows for the address. The words of replies are read as those of
//! the relay are (`channels::email::smtp::reply`).

use std::fmt;

use crate::channels::email::smtp::reply::classify::speaks_of_us;
use crate::channels::email::smtp::reply::words;
use crate::channels::email::smtp::reply::words_of::words_of;

/// An enhanced status code: `5.1.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusCode {
    /// 2 success, 4 for now, 5 for good.
    pub class: u16,
    /// 1 address, 2 mailbox, 3 mail system, 4 network, 5 protocol, 6 content, 7 policy.
    pub subject: u16,
    /// The number within the subject.
    pub detail: u16,
}

/// What a bounce says about the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// There is no such mailbox: no further mail goes there.
    Hard,
    /// It may pass: a full mailbox, a server that was away, a mail too large.
    Soft,
    /// It is about us or about what stands between: policy, reputation, authentication. It says nothing of the address.
    Infrastructure,
}

impl StatusCode {
    /// The first code in a text. Servers write it as `5.1.1`, `(#5.1.1)` and `550-5.1.1`.
    pub fn find(text: &str) -> Option<Self> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '.';
        text.split(|c| !is_part(c)).find_map(|word| Self::parse(word.trim_matches('.')))
    }

    fn parse(word: &str) -> Option<Self> {
        let mut numbers = word.split('.');
        let mut number = |max: u16| {
            let digits = numbers.next().filter(|digits| (1..=3).contains(&digits.len()))?;
            let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse().ok().filter(|number| is_number && *number <= max)
        };
        let code = Self { class: number(5)?, subject: number(7)?, detail: number(999)? };
        (matches!(code.class, 2 | 4 | 5) && numbers.next().is_none()).then_some(code)
    }

    /// Whether it says no more than that the mail came back. Exim gives 5.0.0 to all of them.
    pub fn says_nothing(self) -> bool {
        self.subject == 0 || self.detail == 0 && matches!(self.subject, 1 | 2 | 5)
    }
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// The code that says most: that of the report, or that of the server's words if that of the report says nothing.
pub fn choose(status: Option<StatusCode>, words: &str) -> Option<StatusCode> {
    let of_words = || StatusCode::find(words).filter(|code| code.class != 2);
    match status {
        Some(code) if !code.says_nothing() => Some(code),
        general => of_words().or(general).or_else(|| reply_code(words)),
    }
}

/// What a reply code of SMTP says alone: that it is for now or for good.
fn reply_code(words: &str) -> Option<StatusCode> {
    let is_code = |word: &str| word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_digit());
    let mut found =
        words.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').filter(|word| is_code(word));
    let class = found.find_map(|word| match word.as_bytes()[0] {
        b'4' => Some(4),
        b'5' => Some(5),
        _ => None,
    })?;
    Some(StatusCode { class, subject: 0, detail: 0 })
}

/// What follows from a code and the words of the server.
pub fn classify(code: Option<StatusCode>, text: &str) -> Severity {
    let words = words_of(text);
    let has = |phrases: &words::Phrases| phrases.occur_in(&words);
    let is_about_us = || has(&words::BLOCKED) || speaks_of_us(text);
    match code.map(|code| (code.class, code.subject, code.detail)) {
        // x.1.7 and x.1.8 are about the sender.
        Some((_, 7, _) | (_, 1, 7 | 8)) => Severity::Infrastructure,
        // Some say 5.1.1 to a sender who is unknown or sends too much, or to a host that they block.
        Some((5, 1, 1 | 2 | 3 | 10))
            if speaks_of_us(text) || has(&words::BLOCKED) && !has(&words::MAILBOX) =>
        {
            Severity::Infrastructure
        }
        Some((5, 1, 1 | 2 | 3 | 10)) => Severity::Hard,
        Some((4, ..)) => Severity::Soft,
        // Outlook.com says "550 5.5.0 mailbox unavailable" of a mailbox that does not exist.
        Some((5, 5, 0)) if has(&words::PERHAPS_MAILBOX) && !has(&words::OTHER_REASON) && !is_about_us() => {
            Severity::Hard
        }
        _ if code.is_none_or(StatusCode::says_nothing) => match has(&words::MAILBOX) {
            true if !is_about_us() => Severity::Hard,
            _ if has(&words::BLOCKED) => Severity::Infrastructure,
            _ => Severity::Soft,
        },
        _ => Severity::Soft,
    }
}

/// Whether a reply without a code that says more is still clearly about something else than an address that does not exist: a full mailbox,
/// a mail too large, us, or something that is for now.
pub fn spares_address(code: Option<StatusCode>, text: &str) -> bool {
    let words = words_of(text);
    let state = [&words::MAILBOX_STATE, &words::SIZE];
    code.is_some_and(|code| code.class == 4)
        || state.iter().any(|phrases| phrases.occur_in(&words))
        || speaks_of_us(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_in_the_ways_that_servers_write_them() {
        for (text, found) in [
            ("5.1.1", Some("5.1.1")),
            ("smtp;550-5.1.1 The account does not exist", Some("5.1.1")),
            ("sorry, no mailbox here (#5.1.1)", Some("5.1.1")),
            ("smtp; 550 5.1.10 RESOLVER.ADR.RecipientNotFound; not found", Some("5.1.10")),
            ("5.1.1.", Some("5.1.1")),
            ("2.1.5 ok", Some("2.1.5")),
            ("192.0.2.5 and 3.1.1 and 5.1 and 5.1.1.2 and v5.1.1", None),
            ("5.1111.1 5.9.1 ٥.١.١", None),
        ] {
            assert_eq!(StatusCode::find(text).map(|code| code.to_string()).as_deref(), found, "{text}");
        }
    }

    #[test]
    fn what_follows_depends_on_the_code_and_then_on_the_words() {
        for (status, words, code, severity) in [
            ("5.1.1", "smtp; 550 5.1.1 <a@example.com>: user unknown", "5.1.1", Severity::Hard),
            ("5.1.2", "", "5.1.2", Severity::Hard),
            ("5.1.3", "", "5.1.3", Severity::Hard),
            ("5.1.10", "smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound", "5.1.10", Severity::Hard),
            ("5.0.0", "smtp; 550 5.1.1 unknown", "5.1.1", Severity::Hard),
            ("5.0.0", "smtp; 550 No such user here", "5.0.0", Severity::Hard),
            ("5.5.0", "smtp;550 5.5.0 Requested action not taken: no such user", "5.5.0", Severity::Hard),
            ("", "550 user unknown", "5.0.0", Severity::Hard),
            (
                "5.5.0",
                "smtp; 550 5.5.0 Requested action not taken: mailbox unavailable",
                "5.5.0",
                Severity::Hard,
            ),
            ("5.5.0", "smtp; 550 5.5.0 mailbox unavailable, DNS failure", "5.5.0", Severity::Soft),
            ("5.0.0", "smtp; 550 mailbox unavailable", "5.0.0", Severity::Soft),
            ("5.1.1", "smtp; 550 5.1.1 blocked by our policy", "5.1.1", Severity::Infrastructure),
            (
                "5.1.1",
                "smtp; 550 5.1.1 <ann@example.org>: Sender address rejected: User unknown",
                "5.1.1",
                Severity::Infrastructure,
            ),
            (
                "5.1.1",
                "smtp; 550 5.1.1 events has sent to too many recipients this hour",
                "5.1.1",
                Severity::Infrastructure,
            ),
            ("5.1.7", "", "5.1.7", Severity::Infrastructure),
            ("4.1.8", "smtp; 450 4.1.8 Domain not found", "4.1.8", Severity::Infrastructure),
            ("5.0.0", "smtp; 550 Too many unknown recipients", "5.0.0", Severity::Soft),
            ("5.7.1", "smtp; 550 5.7.1 no such user", "5.7.1", Severity::Infrastructure),
            ("4.7.0", "smtp; 421 4.7.0 try again", "4.7.0", Severity::Infrastructure),
            ("5.0.0", "smtp; 554 listed at zen.spamhaus.org", "5.0.0", Severity::Infrastructure),
            ("5.0.0", "smtp; 550 unknown user, sender rejected", "5.0.0", Severity::Soft),
            ("5.2.2", "smtp; 552 5.2.2 mailbox full", "5.2.2", Severity::Soft),
            ("4.2.2", "smtp; 452 4.2.2 over quota", "4.2.2", Severity::Soft),
            ("4.4.7", "delivery time expired", "4.4.7", Severity::Soft),
            ("5.4.1", "", "5.4.1", Severity::Soft),
            ("5.1.6", "", "5.1.6", Severity::Soft),
            ("4.1.1", "", "4.1.1", Severity::Soft),
        ] {
            let found = choose(StatusCode::find(status), words);
            assert_eq!(found.map(|code| code.to_string()).as_deref(), Some(code), "{status} {words}");
            assert_eq!(classify(found, words), severity, "{status} {words}");
        }
        assert_eq!((choose(None, "gone"), classify(None, "gone")), (None, Severity::Soft));
    }
}
