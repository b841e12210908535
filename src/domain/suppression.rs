//! Which mails an address gets none of, why, and where that is known from: scopes, reasons and sources, each with its word in the ledger.
//! Whose address it is, is left to `address_hash`, the rows to `store::suppressions`.

use std::fmt;

use crate::domain::ids::EventId;
use crate::domain::kind::Kind;

/// Which mails are stopped. That an event is cancelled is told all the same, unless the scope is [`Self::Everything`] or names that
/// kind: who wants no updates would travel to an event that does not take place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::large_enum_variant, reason = "a few for each page; a key is held in place")]
pub enum SuppressionScope {
    /// All of them, of any kind: the address does not exist, or its owner has complained.
    Everything,
    /// All but cancellations.
    All,
    /// Those of this kind.
    Kind(Kind),
    /// Those about this event, but its cancellation.
    Event(EventId),
}

/// A word that is no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no scope: everything, all (all but cancellations), kind:KIND such as kind:REMINDER, or event:KEY such as event:123"
)]
pub struct BadScope(pub String);

impl SuppressionScope {
    /// The word of [`Self::Everything`].
    pub const EVERYTHING: &str = "everything";
    /// The word of [`Self::All`].
    pub const ALL: &str = "all";
    /// What stands before a kind.
    const OF_KIND: &str = "kind:";
    /// What stands before the key of an event.
    const OF_EVENT: &str = "event:";

    /// Whether it stops a mail of this kind about this event.
    #[must_use]
    pub fn stops(self, kind: Kind, event_id: Option<EventId>) -> bool {
        match self {
            Self::Everything => true,
            Self::All => kind != Kind::Cancelled,
            Self::Kind(one) => one == kind,
            Self::Event(one) => kind != Kind::Cancelled && event_id == Some(one),
        }
    }

    /// All scopes that stop such a mail, the widest one first.
    #[must_use]
    pub fn stopping(kind: Kind, event_id: Option<EventId>) -> Vec<Self> {
        [Some(Self::Everything), Some(Self::All), event_id.map(Self::Event), Some(Self::Kind(kind))]
            .into_iter()
            .flatten()
            .filter(|scope| scope.stops(kind, event_id))
            .collect()
    }

    /// The word in the ledger and in files.
    #[must_use]
    pub fn word(self) -> String {
        match self {
            Self::Everything => Self::EVERYTHING.to_owned(),
            Self::All => Self::ALL.to_owned(),
            Self::Kind(kind) => format!("{}{kind}", Self::OF_KIND),
            Self::Event(EventId::Number(number)) => format!("{}{number}", Self::OF_EVENT),
            Self::Event(EventId::Text(key)) => format!("{}{}", Self::OF_EVENT, key.as_str()),
        }
    }

    /// The scope that `word` names. A kind may be in small letters.
    ///
    /// # Errors
    /// When it names none.
    pub fn from_word(word: &str) -> Result<Self, BadScope> {
        let bad = || BadScope(word.to_owned());
        match word {
            Self::EVERYTHING => return Ok(Self::Everything),
            Self::ALL => return Ok(Self::All),
            _ => {}
        }
        if let Some(kind) = word.strip_prefix(Self::OF_KIND) {
            return Kind::from_word(&kind.to_ascii_uppercase()).map(Self::Kind).ok_or_else(bad);
        }
        let key = word.strip_prefix(Self::OF_EVENT).ok_or_else(bad)?;
        key.parse().map(Self::Event).map_err(|_| bad())
    }
}

/// For people: a key is on one line and cut.
impl fmt::Display for SuppressionScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(event_id) => write!(f, "{}{event_id}", Self::OF_EVENT),
            Self::Everything | Self::All | Self::Kind(_) => f.write_str(&self.word()),
        }
    }
}

/// An enum whose variants have a word each.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// Every one.
            pub const EVERY: &[Self] = &[$(Self::$variant),+];

            /// The word in the ledger and in files.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// The one that `word` names.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::EVERY.iter().copied().find(|one| one.as_str() == word)
            }

            /// All words, for error texts and help.
            #[must_use]
            pub fn words() -> String {
                Self::EVERY.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(", ")
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// Why an address gets no mail: also the detail of the outcome `skipped` of its participants.
    SuppressionReason {
        /// The person has used the link of a mail, or asked for it otherwise.
        Unsubscribed = "unsubscribed",
        /// The application says so (view `optouts`).
        OptedOut = "opted-out",
        /// A mail came back: the address does not exist, or was full too often.
        Bounced = "bounced",
        /// The person has marked a mail as spam.
        Complained = "complained",
        /// The relay has refused the address: it does not exist.
        Refused = "refused",
        /// An operator wants it so.
        Blocked = "blocked",
        /// What fanmail had about the person was erased.
        Erased = "erased",
    }
}

impl SuppressionReason {
    /// The scope where none is given.
    #[must_use]
    pub fn usual_scope(self) -> SuppressionScope {
        match self {
            Self::Unsubscribed | Self::OptedOut | Self::Blocked => SuppressionScope::All,
            Self::Bounced | Self::Complained | Self::Refused | Self::Erased => SuppressionScope::Everything,
        }
    }
}

words! {
    /// Where a suppression is known from.
    SuppressionSource {
        /// The link of a mail.
        Link = "link",
        /// A reply of the relay.
        Relay = "relay",
        /// A mail that came back, or a report about one.
        Mailbox = "mailbox",
        /// A provider's message over HTTP.
        Webhook = "webhook",
        /// `fanmail suppressions add`.
        Command = "command",
        /// `fanmail suppressions import`.
        Import = "import",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: EventId = EventId::Number(123);

    #[test]
    fn a_cancellation_is_stopped_only_by_what_names_it() {
        let other = EventId::from_text("ball").unwrap();
        for (scope, updated, cancelled) in [
            (SuppressionScope::Everything, true, true),
            (SuppressionScope::All, true, false),
            (SuppressionScope::Event(EVENT), true, false),
            (SuppressionScope::Event(other), false, false),
            (SuppressionScope::Kind(Kind::Updated), true, false),
            (SuppressionScope::Kind(Kind::Cancelled), false, true),
            (SuppressionScope::Kind(Kind::Notice), false, false),
        ] {
            for (kind, stops) in [(Kind::Updated, updated), (Kind::Cancelled, cancelled)] {
                assert_eq!(scope.stops(kind, Some(EVENT)), stops, "{scope} {kind}");
                let all = SuppressionScope::stopping(kind, Some(EVENT));
                assert_eq!(all.contains(&scope), stops, "{scope} {kind}");
            }
        }
        let of_notice = SuppressionScope::stopping(Kind::Notice, None);
        assert_eq!(
            of_notice.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["everything", "all", "kind:NOTICE"]
        );
    }

    #[test]
    fn scopes_are_read_as_they_are_written() {
        for word in
            ["everything", "all", "kind:REMINDER", "kind:NOTICE", "event:123", "event:-7", "event:ball: x"]
        {
            assert_eq!(SuppressionScope::from_word(word).unwrap().word(), word);
        }
        assert_eq!(SuppressionScope::from_word("kind:updated"), Ok(SuppressionScope::Kind(Kind::Updated)));
        for bad in ["", "All", "none", "kind:", "kind:DELETED", "event:", "event: ", "events:1"] {
            let error = SuppressionScope::from_word(bad).unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{bad}` is no scope: everything, all")), "{error}");
        }
    }

    #[test]
    fn every_reason_and_source_is_found_by_its_word() {
        for reason in SuppressionReason::EVERY {
            assert_eq!(SuppressionReason::from_word(reason.as_str()), Some(*reason));
        }
        for source in SuppressionSource::EVERY {
            assert_eq!(SuppressionSource::from_word(source.as_str()), Some(*source));
        }
        assert_eq!(SuppressionReason::from_word("Bounced"), None);
        assert_eq!(SuppressionSource::words(), "link, relay, mailbox, webhook, command, import");
    }
}
