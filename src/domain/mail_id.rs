//! What a Message-ID says of its mail: `n7.p34.TAG@example.org` is the mail of notification 7 to participant 34, of the installation with
//! that tag. Anybody who has got the mail can write it: only who is trusted may name a mail by it.

use std::fmt;

use crate::domain::ids::{NotificationId, ParticipantId};

/// Which mail of an installation it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailId {
    /// Its notification.
    pub notification_id: NotificationId,
    /// Its recipient: the application's key, or the number in the ledger if that is text.
    pub participant_id: ParticipantId,
}

impl MailId {
    /// Reads a Message-ID, with or without its brackets and its domain. `None` if it is not of the installation with this tag.
    #[must_use]
    pub fn read(text: &str, tag: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches('<').trim_end_matches('>');
        let (left, _) = text.split_once('@').unwrap_or((text, ""));
        let numbers = left.strip_suffix(tag)?.strip_suffix('.')?;
        let (notification, participant) = numbers.strip_prefix('n')?.split_once(".p")?;
        let id = Self {
            notification_id: NotificationId(notification.parse().ok()?),
            participant_id: ParticipantId(participant.parse().ok()?),
        };
        // Not in another way of writing it.
        (id.to_string() == numbers).then_some(id)
    }
}

/// As a Message-ID begins.
impl fmt::Display for MailId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}.p{}", self.notification_id, self.participant_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let tag = "8e9703b916";
        for (notification, participant) in [(7, 34), (0, -1), (i64::MAX, i64::MIN)] {
            let id = MailId {
                notification_id: NotificationId(notification),
                participant_id: ParticipantId(participant),
            };
            for text in [
                format!("<{id}.{tag}@example.org>"),
                format!(" {id}.{tag}@b.example "),
                format!("{id}.{tag}"),
            ] {
                assert_eq!(MailId::read(&text, tag), Some(id), "{text}");
            }
        }
        for text in [
            "",
            "<n7.p34@example.org>",
            "<n7.p34.0000000000@example.org>",
            "<n7.p34.x8e9703b916@example.org>",
            "<n07.p34.8e9703b916@example.org>",
            "<n+7.p34.8e9703b916@example.org>",
            "<n7.p34.p5.8e9703b916@example.org>",
            "<n99999999999999999999.p1.8e9703b916@example.org>",
            "<xn7.p34.8e9703b916@example.org>",
            "<n7.8e9703b916@example.org>",
            "<event-5.p34.8e9703b916@example.org>",
        ] {
            assert_eq!(MailId::read(text, tag), None, "{text}");
        }
    }
}
