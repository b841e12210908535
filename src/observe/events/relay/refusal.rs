//! What to do when the relay refuses everyone, by the words of its reply. Which reply is about us at all is left to the
//! channel.

/// What the relay objects to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RefusalReason {
    /// How many mails were sent.
    Quota,
    /// The name in EHLO.
    HeloName,
    /// That it should forward mail for us.
    Relaying,
    /// `FROM_EMAIL`.
    Sender,
    /// This machine or this account.
    Blocked,
    /// Something else.
    Other,
}

/// Words of each reason, in lower case. The first line with a word in the reply decides: what stands further up is more
/// specific. Postfix says "Sender address rejected", "Helo command rejected", "Client host rejected", "Relay access
/// denied"; Exim "relay not permitted"; Exchange "Unable to relay"; Gmail "Daily user sending limit exceeded".
const WORDS: [(RefusalReason, &[&str]); 5] = [
    (RefusalReason::Quota, &["quota", "limit", "credits", "over plan"]),
    (RefusalReason::HeloName, &["helo", "ehlo"]),
    (
        RefusalReason::Relaying,
        &["relay access", "relaying", "relay not permitted", "unable to relay", "to relay"],
    ),
    (
        RefusalReason::Sender,
        &["sender", "from address", "not owned by", "mail from", "send as", "not verified", "from domain"],
    ),
    (
        RefusalReason::Blocked,
        &["block", "black", "listed", "reputation", "banned", "suspended", "disabled", "client host", "spam"],
    ),
];

impl RefusalReason {
    fn of(detail: &str) -> Self {
        let detail = detail.to_lowercase();
        let names = |(reason, words): &(Self, &[&str])| {
            words.iter().any(|word| detail.contains(word)).then_some(*reason)
        };
        WORDS.iter().find_map(names).unwrap_or(Self::Other)
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Quota => "wait until the relay's quota for this account is renewed, or have it raised",
            Self::HeloName => "set SMTP_HELO_NAME to a host name that resolves to this machine",
            Self::Relaying => {
                "log in (SMTP_USERNAME, SMTP_PASSWORD), or have this machine added to the hosts whose mail the relay \
                 forwards"
            }
            Self::Sender => "set FROM_EMAIL to an address from which this login (SMTP_USERNAME) may send",
            Self::Blocked => "ask the operator of the relay why it blocks this machine or this account",
            Self::Other => "look this reply up in the documentation of the relay, or ask its operator",
        }
    }
}

/// What to do about a relay that refuses everyone with these words.
#[must_use]
pub(super) fn advice(detail: &str) -> &'static str {
    RefusalReason::of(detail).advice()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_relay_tell_what_to_do() {
        use RefusalReason::{Blocked, HeloName, Other, Quota, Relaying, Sender};
        for (detail, reason) in [
            ("554 5.7.1 <a***@example.com>: Relay access denied", Relaying),
            ("550 5.7.1 Unable to relay", Relaying),
            ("550 relay not permitted", Relaying),
            ("553 5.7.1 <e***@example.org>: Sender address rejected: not owned by user u", Sender),
            ("554 Message rejected: Email address is not verified.", Sender),
            ("450 4.7.1 <localhost>: Helo command rejected: Host not found", HeloName),
            ("552 5.2.2 you are over your relay quota of 500", Quota),
            ("550 5.4.5 Daily user sending limit exceeded", Quota),
            (
                "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org",
                Blocked,
            ),
            ("550 5.7.1 The user account is suspended", Blocked),
            ("451 4.3.0 Temporary lookup failure", Other),
        ] {
            assert_eq!(RefusalReason::of(detail), reason, "{detail}");
        }
    }
}
