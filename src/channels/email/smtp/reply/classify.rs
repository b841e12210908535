//! The table of reply classes: whose failure a reply is, by phase, reply code, enhanced status code and words. The
//! phrases stand in `words`.

use crate::channels::email::smtp::reply::enhanced_status::EnhancedStatus;
use crate::channels::email::smtp::reply::pause::pause_in;
use crate::channels::email::smtp::reply::phase::Phase;
use crate::channels::email::smtp::reply::words;
use crate::channels::email::smtp::reply::words_of::words_of;
use crate::channels::{Class, Throttle};
use crate::domain::outcome::Permanence;

/// The class of a reply that is not the expected one. `code` is `None` when the connection was lost or the reply is
/// unreadable.
///
/// - 530, 534, 535 and 538 ask for TLS or a login (RFC 4954 section 6, RFC 3207 section 4). Many relays send them no
///   earlier than at RCPT.
/// - No reply to MAIL FROM is a relay failure, unless the recipient in the same write caused it.
/// - An unexpected 2yz or 3yz, such as 250 to DATA, means that the replies are out of step. After the body, the relay may
///   have accepted the mail.
#[must_use]
pub fn classify(phase: Phase, code: Option<u16>, text: &str) -> Class {
    match (phase, code) {
        (Phase::AfterDot, None | Some(..=399)) => Class::Ambiguous,
        (_, Some(530 | 534 | 535 | 538))
        | (Phase::Connect, None | Some(..=399))
        | (Phase::Sender, Some(..=399)) => Class::RelayFailure,
        (Phase::Sender, None) | (_, Some(..=399)) => Class::Breakdown,
        (_, None) => Class::Transient,
        (Phase::Connect | Phase::Sender, Some(code)) => {
            Refusal::new(phase, code, text).class_before_recipient()
        }
        // 552 to RCPT means 452, "too many recipients" (RFC 5321 section 4.5.3.1.10).
        (Phase::Recipient, Some(552)) => Refusal::new(phase, 452, text).class(),
        (_, Some(code)) => Refusal::new(phase, code, text).class(),
    }
}

/// Whether a reply to RCPT says that the address does not exist, by its enhanced status code and all other words: 5.1.1 and 5.1.2 no
/// such mailbox or domain, 5.1.3 no address at all, 5.1.10 a domain that takes no mail (RFC 7505).
#[must_use]
pub fn refuses_address(phase: Phase, code: Option<u16>, text: &str) -> bool {
    let Some(code @ 500..) = code.filter(|code| phase == Phase::Recipient && *code != 552) else {
        return false;
    };
    let refusal = Refusal::new(phase, code, text);
    matches!(refusal.status(), Some((1, 1..=3 | 10))) && refusal.class() == Class::Permanent
}

/// Whether the words of a refusal are about us and not about the recipient: who we are, or how many mails we send.
#[must_use]
pub fn speaks_of_us(text: &str) -> bool {
    let refusal = Refusal::new(Phase::Recipient, 550, text);
    refusal.names_us() || refusal.is_per_time()
}

/// A complete reply of 4yz or 5yz.
struct Refusal {
    phase: Phase,
    code: u16,
    status: Option<EnhancedStatus>,
    words: String,
}

impl Refusal {
    fn new(phase: Phase, code: u16, text: &str) -> Self {
        let mut words = words_of(text);
        // Postfix quotes what another relay has said to it behind that, as it asked for the mailbox.
        if let Some((at, phrase)) = words.match_indices("unverified address").next() {
            words.truncate(at + phrase.len());
        }
        Self { phase, code, status: EnhancedStatus::find(text), words }
    }

    /// Before RCPT TO, no reply is about the recipient.
    fn class_before_recipient(&self) -> Class {
        if self.is_greylisting() {
            return Class::RelayFailure;
        }
        if self.is_about_connection() {
            return Class::Throttled(Throttle::MailsPerConnection);
        }
        self.throttle().map_or(Class::RelayFailure, Class::Throttled)
    }

    /// From RCPT TO on. Relays say there what they think of client, sender and pace, too: Postfix by default
    /// (`smtpd_delay_reject`), and every content filter after the dot.
    fn class(&self) -> Class {
        if self.is_about_connection() {
            return Class::Throttled(Throttle::MailsPerConnection);
        }
        let alone = if self.is_transient() { Class::Transient } else { Class::Permanent };
        if self.is_about_mailbox() || self.is_about_this_mail() {
            return alone;
        }
        if let Some(throttle) = self.throttle() {
            return Class::Throttled(throttle);
        }
        if self.code == 421 {
            // It ends the connection after any command (RFC 5321 section 3.8).
            return Class::Breakdown;
        }
        let is_temporary = self.is_transient() || self.is_limit_in_time();
        Class::Suspect(if is_temporary { Permanence::Transient } else { Permanence::Permanent })
    }

    fn is_transient(&self) -> bool {
        self.code < 500
    }

    fn has(&self, phrases: &words::Phrases) -> bool {
        phrases.occur_in(&self.words)
    }

    fn status(&self) -> Option<(u16, u16)> {
        self.status.map(|status| (status.subject, status.detail))
    }

    /// Whether the receiver wants this mail again in some minutes.
    fn is_greylisting(&self) -> bool {
        self.is_transient() && (self.has(&words::GREYLISTING) || self.is_pause_of_recipient())
    }

    /// Whether a pause is named at RCPT TO, and no other reason. Many receivers do not say that they greylist. Taken for
    /// the pace, one such recipient would stop all mails for that pause, and where all are greylisted, each its own.
    fn is_pause_of_recipient(&self) -> bool {
        let pace_or_fault = || {
            let reasons = [words::RATE, words::CONNECTIONS_AT_A_TIME, words::CONNECTIONS, words::FAULT];
            self.is_limit_in_time()
                || reasons.iter().any(|phrases| self.has(phrases))
                || self.is_pace_by_code()
        };
        let named = self.phase == Phase::Recipient && self.code != 421 && self.has(&words::PAUSE);
        named && pause_in(&self.words).is_some() && !self.names_us() && !pace_or_fault()
    }

    /// Whether it speaks of us: x.1.7 and x.1.8 are about the sender.
    fn names_us(&self) -> bool {
        matches!(self.status(), Some((1, 7 | 8)))
            || [
                words::SENDER,
                words::RELAYING,
                words::HELO_NAME,
                words::HOST,
                words::LOGIN,
                words::ACCOUNT,
                words::BAD_MAILS,
            ]
            .iter()
            .any(|phrases| self.has(phrases))
    }

    /// Whether the mailbox of the recipient, or its domain, is the reason.
    fn is_about_mailbox(&self) -> bool {
        if self.is_greylisting() {
            return true;
        }
        if self.names_us() {
            return false;
        }
        match self.status() {
            // Gmail means the recipient and its relay's customers with it: "receiving mail at a rate that …".
            Some((2, 1)) if self.throttle().is_some() => false,
            Some((2, 2)) => !self.is_per_time(),
            // GoDaddy says "550 5.1.1 … has sent to too many recipients this hour", Exchange Online "554 5.2.122 The
            // recipient has exceeded their limit for the number of messages they can receive per hour".
            // And some say "550 5.1.1" to a host that they block.
            Some((1, 1..=3 | 6 | 10) | (2, 1..)) => {
                let blocked = self.has(&words::BLOCKED)
                    && !self.has(&words::MAILBOX)
                    && !self.has(&words::MAILBOX_STATE);
                !blocked && !self.is_per_time()
            }
            // Codes that say nothing.
            None | Some((0, _) | (1 | 2 | 5, 0)) => {
                let other_reason = self.has(&words::BLOCKED) || self.has(&words::OTHER_REASON);
                self.has(&words::MAILBOX)
                    || self.has(&words::MAILBOX_STATE)
                    || self.has(&words::PERHAPS_MAILBOX) && !other_reason
            }
            // "5.7.1 DKIM: domain not found" is about our domain.
            Some(_) => self.has(&words::MAILBOX) && !self.has(&words::BLOCKED),
        }
    }

    /// Whether the size of this mail is the reason, or that its address needs SMTPUTF8.
    fn is_about_this_mail(&self) -> bool {
        let is_limit_in_time = self.has(&words::LONG_QUOTA) || self.is_per_time();
        matches!(self.status(), Some((3, 4) | (6, 7))) || self.has(&words::SIZE) && !is_limit_in_time
    }

    /// Whether it is a limit that ends by itself, even if the code says that the refusal is final.
    fn is_limit_in_time(&self) -> bool {
        self.is_per_time() || self.has(&words::LONG_QUOTA) || self.has(&words::LIMIT)
    }

    /// Whether it clearly speaks of mails in a time.
    fn is_per_time(&self) -> bool {
        let is_sending = || self.has(&words::TOO_MANY) || self.has(&words::SENDING);
        self.has(&words::RATE_PER_TIME) || self.has(&words::IN_A_TIME) && is_sending()
    }

    /// Whether this connection has carried as many mails as the relay takes on one. The codes say nothing: relays send
    /// 421, 450 and 550 with these words, and Bluehost's "max messages per session" comes with 550.
    fn is_about_connection(&self) -> bool {
        let other_reasons = [
            words::MAILBOX,
            words::MAILBOX_STATE,
            words::GREYLISTING,
            words::SIZE,
            words::CONNECTIONS_AT_A_TIME,
            words::LONG_QUOTA,
            words::BAD_MAILS,
            words::CONNECTION_ENDED,
        ];
        let of_this_one = || {
            // "Connection limit exceeded, closing this connection" is about their number.
            self.has(&words::THIS_CONNECTION) && self.has(&words::MAILS) && !self.has(&words::CONNECTIONS)
        };
        let is_limit = self.has(&words::TOO_MANY) && (self.has(&words::PER_CONNECTION) || of_this_one());
        is_limit && !self.is_per_time() && !other_reasons.iter().any(|phrases| self.has(phrases))
    }

    /// What the relay wants less of, if the pace is the reason.
    fn throttle(&self) -> Option<Throttle> {
        let per_time = self.is_per_time();
        let is_long = self.has(&words::LONG_QUOTA) && !self.has(&words::SHORT_PERIOD);
        if is_long || self.has(&words::CONNECTION_ENDED) || self.has(&words::BAD_MAILS) {
            return None;
        }
        if self.has(&words::CONNECTIONS_AT_A_TIME) || self.has(&words::CONNECTIONS) {
            return Some(Throttle::Connections);
        }
        let is_rate = if self.is_transient() {
            let by_words = [words::RATE, words::LIMIT, words::PAUSE];
            per_time || by_words.iter().any(|phrases| self.has(phrases)) || self.is_pace_by_code()
        } else {
            per_time && !self.has(&words::BLOCKED)
        };
        is_rate.then(|| Throttle::Rate { pause: pause_in(&self.words) })
    }

    /// Whether the codes alone mean the pace: 432 (Exchange Online), x.3.2 "not accepting messages", x.4.5 congestion,
    /// x.7.0 without a reason, x.7.28 of Gmail.
    fn is_pace_by_code(&self) -> bool {
        let by_code = self.code == 432 || matches!(self.status(), Some((3, 2) | (4, 5) | (7, 0 | 28)));
        by_code && !self.has(&words::NOT_PACE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_clear_words_at_the_recipient_say_that_an_address_does_not_exist() {
        for (code, text, refuses) in [
            (
                550,
                "5.1.1 <ann@example.org>: Recipient address rejected: User unknown in local recipient table",
                true,
            ),
            (550, "5.1.2 Host unknown", true),
            (501, "5.1.3 Bad recipient address syntax", true),
            (556, "5.1.10 Recipient address has null MX", true),
            (550, "5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient ann@example.org not found", true),
            (450, "4.1.1 <ann@example.org>: Recipient address rejected: unverified address", false),
            (550, "5.1.0 Address rejected", false),
            (550, "5.1.8 Sender address rejected: Domain not found", false),
            (550, "5.1.1 <ann@example.org>: Sender address rejected: User unknown", false),
            (550, "5.1.1 Your host is blocked", false),
            (550, "5.1.1 ann has sent to too many recipients this hour", false),
            (550, "5.7.1 <ann@example.org>: Relay access denied", false),
            (554, "5.7.1 Service unavailable; Client host blocked", false),
            (550, "5.2.1 mailbox disabled", false),
            (552, "5.1.1 too many recipients", false),
            (550, "No such user here", false),
        ] {
            assert_eq!(refuses_address(Phase::Recipient, Some(code), text), refuses, "{code} {text}");
        }
        let unknown = "5.1.1 User unknown";
        for phase in [Phase::Connect, Phase::Sender, Phase::AfterDot] {
            assert!(!refuses_address(phase, Some(550), unknown));
        }
        assert!(!refuses_address(Phase::Recipient, None, ""));
    }
}
