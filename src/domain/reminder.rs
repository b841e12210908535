//! Reminders of events: when one is due, when it is too late for it, and the key that it has in the ledger. Pure; which events
//! start soon is left to `store`, sending to `worker`.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use crate::domain::ids::EventId;

/// How long before its start people are reminded of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReminderOffset(TimeDelta);

/// What the offsets in use are made of, the largest unit first.
const UNITS: [(i64, char); 3] = [(3600, 'h'), (60, 'm'), (1, 's')];

/// A reminder is too late by more than this part of its offset.
const TOLERANCE: i32 = 10;

impl ReminderOffset {
    /// Of so many seconds, up to the ten thousand years that a time may be away. `None` otherwise.
    #[must_use]
    pub fn from_seconds(seconds: i64) -> Option<Self> {
        const LONGEST: i64 = 10_000 * 366 * 86_400;
        (1..=LONGEST).contains(&seconds).then(|| Self(TimeDelta::seconds(seconds)))
    }

    /// The longest tolerance, of the longest time that the configuration allows: 30 days.
    pub const LONGEST_TOLERANCE: TimeDelta = TimeDelta::days(3);

    /// The same of the times of the configuration, which are not too long.
    #[must_use]
    pub fn all(times: &[Duration]) -> Vec<Self> {
        let offset = |time: &Duration| Self::from_seconds(i64::try_from(time.as_secs()).ok()?);
        times.iter().filter_map(offset).collect()
    }

    /// The time before the start.
    #[must_use]
    pub fn before_start(self) -> TimeDelta {
        self.0
    }

    /// How late a reminder may be. The next look at the events comes earlier.
    #[must_use]
    pub fn tolerance(self) -> TimeDelta {
        self.0 / TOLERANCE
    }

    /// When the reminder of an event with this start is due.
    #[must_use]
    pub fn due_at(self, starts_at: DateTime<Utc>) -> DateTime<Utc> {
        starts_at - self.0
    }

    /// Whether it is too late for that reminder at this time.
    #[must_use]
    pub fn is_too_late(self, starts_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        now > self.due_at(starts_at) + self.tolerance()
    }
}

/// In one unit: `24h`, `90m`. The same length is always written alike.
impl fmt::Display for ReminderOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.num_seconds();
        let (size, unit) = UNITS.into_iter().find(|(size, _)| seconds % size == 0).unwrap_or(UNITS[2]);
        write!(f, "{}{unit}", seconds / size)
    }
}

/// One reminder: of an event that starts at this time. A moved event has another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reminder {
    /// The event.
    pub event_id: EventId,
    /// How long before its start.
    pub offset: ReminderOffset,
    /// Its start, by which the reminder is known.
    pub starts_at: DateTime<Utc>,
}

impl Reminder {
    /// Its key in the ledger: `reminder:123:24h:2026-12-24T17:00:00Z`.
    #[must_use]
    pub fn key(&self) -> String {
        let starts_at = self.starts_at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        format!("{}{}:{starts_at}", prefix(self.event_id), self.offset)
    }

    /// The reminder of the event that has this key; `None` if it is the key of something else.
    #[must_use]
    pub fn from_key(key: &str, event_id: EventId) -> Option<Self> {
        let (offset, starts_at) = key.strip_prefix(&prefix(event_id))?.split_once(':')?;
        let (number, unit) = offset.split_at_checked(offset.len().checked_sub(1)?)?;
        let (size, _) = UNITS.into_iter().find(|(_, letter)| unit.starts_with(*letter))?;
        let seconds = number.parse::<i64>().ok()?.checked_mul(size)?;
        let offset = ReminderOffset::from_seconds(seconds)?;
        let starts_at = DateTime::parse_from_rfc3339(starts_at).ok()?.to_utc();
        Some(Self { event_id, offset, starts_at })
    }

    /// Whether it is too late for it at this time.
    #[must_use]
    pub fn is_too_late(&self, now: DateTime<Utc>) -> bool {
        self.offset.is_too_late(self.starts_at, now)
    }
}

/// An event's key may have any characters, so a key is read with the event known.
fn prefix(event_id: EventId) -> String {
    format!("reminder:{event_id}:")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;

    fn offset(seconds: i64) -> ReminderOffset {
        ReminderOffset::from_seconds(seconds).unwrap()
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_key_names_event_offset_and_start_and_is_read_back() {
        for (event_id, seconds, starts_at, key) in [
            (EventId::Number(7), 24 * HOUR, "2026-12-24T17:00:00Z", "reminder:7:24h:2026-12-24T17:00:00Z"),
            (EventId::Number(-7), 90 * 60, "2026-12-24T17:00:00Z", "reminder:-7:90m:2026-12-24T17:00:00Z"),
            (
                EventId::from_text("a:1h:b").unwrap(),
                61,
                "2026-12-24T17:00:00.250Z",
                "reminder:a:1h:b:61s:2026-12-24T17:00:00.250Z",
            ),
        ] {
            let reminder = Reminder { event_id, offset: offset(seconds), starts_at: at(starts_at) };
            assert_eq!(reminder.key(), key);
            assert_eq!(Reminder::from_key(key, event_id), Some(reminder));
            assert_eq!(Reminder::from_key(key, EventId::Number(8)), None);
        }
        for key in
            ["", "reminder:7:", "reminder:7:24h", "reminder:7:x:2026-12-24T17:00:00Z", "reminder:7::", "m1"]
        {
            assert_eq!(Reminder::from_key(key, EventId::Number(7)), None, "{key}");
        }
    }

    #[test]
    fn a_moved_event_has_another_key_and_the_same_start_has_one_however_it_is_written() {
        let reminder = |starts_at| {
            Reminder { event_id: EventId::Number(7), offset: offset(HOUR), starts_at: at(starts_at) }.key()
        };
        assert_ne!(reminder("2026-12-24T17:00:00Z"), reminder("2026-12-24T17:00:01Z"));
        assert_eq!(reminder("2026-12-24T17:00:00Z"), reminder("2026-12-24T18:00:00+01:00"));
        assert_eq!([offset(86_400), offset(60)].map(|offset| offset.to_string()), ["24h", "1m"]);
    }

    #[test]
    fn a_reminder_is_too_late_after_a_tenth_of_its_offset() {
        let (hour, starts_at) = (offset(HOUR), at("2026-12-24T17:00:00Z"));
        assert_eq!(hour.due_at(starts_at), at("2026-12-24T16:00:00Z"));
        for (now, is_too_late) in [("15:59:59Z", false), ("16:06:00Z", false), ("16:06:01Z", true)] {
            assert_eq!(hour.is_too_late(starts_at, at(&format!("2026-12-24T{now}"))), is_too_late, "{now}");
        }
    }
}
