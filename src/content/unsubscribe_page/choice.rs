//! What a person can choose on the page, and how it stands. Which scopes these are, is left to `http`.

use crate::domain::event::Event;
use crate::domain::kind::Kind;

/// Which mails people can choose to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnsubscribeChoice {
    /// Those about the event of the mail.
    Event,
    /// Those of the kind of the mail, about all events.
    Kind,
    /// All but cancellations.
    All,
    /// Cancellations.
    Cancellations,
}

impl UnsubscribeChoice {
    /// Every one.
    pub const EVERY: [Self; 4] = [Self::Event, Self::Kind, Self::All, Self::Cancellations];

    /// The word in the forms of the page.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Kind => "kind",
            Self::All => "all",
            Self::Cancellations => "cancellations",
        }
    }
}

/// What has become of such mails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChoiceState {
    /// The person gets them.
    Wanted,
    /// The person has stopped them.
    Stopped,
    /// They are stopped for another reason.
    Blocked,
}

/// What the person has just done on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChoiceMade {
    /// Stopped some mails.
    Stopped,
    /// Got them back.
    Resumed,
}

/// The page for one person.
#[derive(Debug)]
pub struct ChoicePage {
    /// The kind of the mail that the link is in.
    pub kind: Kind,
    /// The event of that mail, if it is known.
    pub event: Option<Event>,
    /// What there is to choose, and how it stands.
    pub choices: Vec<(UnsubscribeChoice, ChoiceState)>,
    /// What has just been done.
    pub made: Option<ChoiceMade>,
}
