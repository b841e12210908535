//! What an operator can do about a relay that refuses everyone, by the words of its reply. Whether a reply is about us
//! at all is left to `classify`.

use crate::channels::Class;
use crate::channels::email::smtp::reply::classify::classify;
use crate::channels::email::smtp::reply::phase::Phase;
use crate::channels::email::smtp::reply::words::{self, Phrases};
use crate::channels::email::smtp::reply::words_of::words_of;

/// What the relay objects to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Objection {
    /// How many mails were sent.
    Quota,
    /// The name in EHLO.
    HeloName,
    /// That it should forward mail for us.
    Relaying,
    /// `FROM_EMAIL`.
    Sender,
    /// This host, this account, or what the mails say.
    Blocked,
    /// Something else.
    Other,
}

/// The first row whose phrases occur in the reply decides. "Relay access denied" and "Helo command rejected: Access
/// denied" speak of an access that is denied, too, and "Client host blocked using …" of a host.
const TABLE: [(&Phrases, Objection); 8] = [
    (&words::LONG_QUOTA, Objection::Quota),
    (&words::HELO_NAME, Objection::HeloName),
    (&words::RELAYING, Objection::Relaying),
    (&words::SENDER, Objection::Sender),
    (&words::LOGIN, Objection::Relaying),
    (&words::BLOCKED, Objection::Blocked),
    (&words::HOST, Objection::Blocked),
    (&words::ACCOUNT, Objection::Blocked),
];

impl Objection {
    fn of(detail: &str) -> Self {
        let words = words_of(detail);
        let row = TABLE.iter().find(|(phrases, _)| phrases.occur_in(&words));
        row.map_or(Self::Other, |(_, objection)| *objection)
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
pub fn advice_about(detail: &str) -> &'static str {
    Objection::of(detail).advice()
}

/// What to do about a mail that was refused for a reason that may be ours; `None`: the recipient or the mail is the reason. `detail` is as
/// the ledger has it.
#[must_use]
pub fn advice_if_about_us(code: Option<i32>, detail: &str) -> Option<&'static str> {
    let code = code.and_then(|code| u16::try_from(code).ok()).filter(|code| *code >= 400)?;
    let is_suspect = matches!(classify(Phase::Recipient, Some(code), detail), Class::Suspect(_));
    is_suspect.then(|| advice_about(detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_about_the_recipient_has_no_advice_for_us() {
        for (code, detail, is_about_us) in [
            (550, "550 5.1.1 <a***@example.org>: Recipient address rejected: User unknown", false),
            (550, "550 5.1.1 (address): Recipient address rejected: User unknown", false),
            (552, "552 5.2.2 <a***@example.org>: Mailbox full", false),
            (450, "450 4.2.0 <a***@example.org>: Recipient address rejected: Greylisted", false),
            (550, "550 Unrouteable address", false),
            (
                550,
                "550 5.7.1 Unfortunately, messages from [203.0.113.7] weren't sent. Please contact your Internet service provider since part \
                 of their network is on our block list (S3150).",
                true,
            ),
            (554, "554 5.7.1 <a***@example.org>: Relay access denied", true),
        ] {
            assert_eq!(advice_if_about_us(Some(code), detail).is_some(), is_about_us, "{detail}");
        }
        assert_eq!(advice_if_about_us(None, "the address has no @"), None);
        assert_eq!(advice_if_about_us(Some(250), "250 Ok: blocked"), None);
    }

    #[test]
    fn the_words_of_the_relay_tell_what_to_do() {
        use Objection::{Blocked, HeloName, Other, Quota, Relaying, Sender};
        for (detail, objection) in [
            ("554 5.7.1 <a***@example.com>: Relay access denied", Relaying),
            ("550 5.7.1 Unable to relay", Relaying),
            ("550 relay not permitted", Relaying),
            ("550 smtp auth required", Relaying),
            ("553 5.7.1 <e***@example.org>: Sender address rejected: not owned by user u", Sender),
            ("554 Message rejected: Email address is not verified.", Sender),
            ("450 4.7.1 <localhost>: Helo command rejected: Host not found", HeloName),
            ("552 You are over your relay quota of 500", Quota),
            ("550 5.4.5 Daily user sending limit exceeded", Quota),
            (
                "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org",
                Blocked,
            ),
            ("450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.1]", Blocked),
            ("550 5.7.1 Your account is suspended", Blocked),
            ("451 4.3.0 Temporary lookup failure", Other),
        ] {
            assert_eq!(Objection::of(detail), objection, "{detail}");
        }
        assert!(advice_about("550 relay not permitted").starts_with("log in (SMTP_USERNAME"));
    }
}
