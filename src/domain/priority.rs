//! How urgent a notification is: the words of messages, the numbers of the ledger, of the outbox and of AMQP, and the share of each.
//! Whose turn it is when several wait is left to `worker::turns`.

/// How urgent a notification is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Priority {
    /// After the others.
    Low,
    /// That of a notification whose publisher and queue name none.
    #[default]
    Medium,
    /// Before the others.
    High,
}

impl Priority {
    /// Every priority, the most urgent first.
    pub const ALL: [Self; 3] = [Self::High, Self::Medium, Self::Low];

    /// The largest priority of AMQP that is not high: quorum queues of `RabbitMQ` draw the same line, and they and classic queues
    /// take a message without a priority for one of 0. So no number is low.
    const AMQP_NORMAL_MAX: u8 = 4;

    /// The word in messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }

    /// The words in messages, for error texts and help.
    #[must_use]
    pub fn words() -> String {
        Self::ALL.map(Self::as_str).join(", ")
    }

    /// The priority that `word` names, in capitals or not.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|priority| word.eq_ignore_ascii_case(priority.as_str()))
    }

    /// The number in the ledger. That of rows that say nothing is 0.
    #[must_use]
    pub fn number(self) -> i32 {
        match self {
            Self::High => 1,
            Self::Medium => 0,
            Self::Low => -1,
        }
    }

    /// That of a number of the ledger or the outbox: larger ones are more urgent.
    #[must_use]
    pub fn from_number(number: i32) -> Self {
        match number {
            1.. => Self::High,
            0 => Self::Medium,
            ..0 => Self::Low,
        }
    }

    /// What a priority of AMQP says, if it says more than nothing at all.
    #[must_use]
    pub fn from_amqp(number: u8) -> Option<Self> {
        (number > Self::AMQP_NORMAL_MAX).then_some(Self::High)
    }

    /// The place in arrays with one value for each priority, the most urgent first.
    #[must_use]
    pub fn index(self) -> usize {
        match self {
            Self::High => 0,
            Self::Medium => 1,
            Self::Low => 2,
        }
    }

    /// How many turns it has of 13, while all three wait.
    #[must_use]
    pub fn weight(self) -> u64 {
        match self {
            Self::High => 8,
            Self::Medium => 4,
            Self::Low => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_priority_has_a_word_a_number_and_a_place() {
        for (index, priority) in Priority::ALL.into_iter().enumerate() {
            assert_eq!(Priority::from_word(&priority.as_str().to_uppercase()), Some(priority));
            assert_eq!(Priority::from_number(priority.number()), priority);
            assert_eq!(priority.index(), index);
        }
        assert_eq!((Priority::words().as_str(), Priority::from_word("urgent")), ("high, medium, low", None));
        assert_eq!(Priority::default().number(), 0, "the default of the column");
        assert!(Priority::High > Priority::Medium && Priority::Medium > Priority::Low);
    }

    #[test]
    fn larger_numbers_are_never_less_urgent() {
        const HIGH: Option<Priority> = Some(Priority::High);
        let numbers = [i32::MIN, -2, -1, 0, 1, 2, i32::MAX].map(Priority::from_number);
        assert!(numbers.is_sorted(), "{numbers:?}");
        assert_eq!([0, 4, 5, 9, 255].map(Priority::from_amqp), [None, None, HIGH, HIGH, HIGH]);
    }
}
