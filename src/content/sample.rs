//! Sample data, for the check of templates at start and for `fanmail preview`.

use chrono::{DateTime, NaiveDate, Utc};

use crate::domain::event::{DateOrTime, Event};
use crate::domain::ids::{EventId, ParticipantId};
use crate::domain::message::details::{MessageDetails, Notice};
use crate::domain::participant::Participant;

pub mod edge_cases;

/// A link that unsubscribes.
pub const UNSUBSCRIBE_URL: &str = "https://events.example.org/unsubscribe/AQID";

/// An event with all fields.
#[must_use]
pub fn full() -> Event {
    Event {
        id: EventId::Number(123),
        title: "Winter Lights Concert".to_owned(),
        description: Some(
            "The city choir and a small orchestra play Britten, Lauridsen and a few carols that everybody \
             knows.\n\nDoors open at 17:30. Your name is on the list at the entrance, so there is nothing to \
             print."
                .to_owned(),
        ),
        location: Some("St. Michael's Hall, Linden Street 7, Berlin".to_owned()),
        starts_at: time(1_798_131_600),
        ends_at: time(1_798_138_800),
        timezone: "Europe/Berlin".to_owned(),
        url: Some("https://example.com/events/winter-lights".to_owned()),
        updated_at: time(1_797_000_000),
    }
}

/// The same before it was changed.
#[must_use]
pub fn earlier() -> Event {
    Event {
        location: Some("The old town hall, Market Square 1, Berlin".to_owned()),
        starts_at: time(1_798_128_000),
        ends_at: time(1_798_135_200),
        ..full()
    }
}

/// A moment before all samples, for mails that are to be the same at any time.
#[must_use]
pub fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_797_000_000, 0).unwrap_or_default()
}

fn time(seconds: i64) -> Option<DateOrTime> {
    DateTime::from_timestamp(seconds, 0).map(DateOrTime::Time)
}

/// An event that takes the whole day.
#[must_use]
pub fn all_day() -> Event {
    let date = NaiveDate::from_ymd_opt(2026, 12, 24).map(DateOrTime::Date);
    Event { title: "Open day".to_owned(), starts_at: date, ends_at: date, ..full() }
}

/// An event with a title only.
#[must_use]
pub fn bare() -> Event {
    Event {
        id: EventId::Number(7),
        title: "Summer party".to_owned(),
        description: None,
        location: None,
        starts_at: None,
        ends_at: None,
        timezone: "UTC".to_owned(),
        url: None,
        updated_at: None,
    }
}

/// An event with characters that have a meaning in HTML, headers or terminals.
#[must_use]
pub fn hostile() -> Event {
    Event {
        title: "<script>alert(\"1\")</script> & 'Übung'\r\nBcc: everyone@example.org 🎉".to_owned(),
        description: Some(
            ".\r\n..\n</td></table> {{ kind }} {% if %}\u{0}\u{7}\n--=_n1.p1--\nFrom here\u{202e}".to_owned(),
        ),
        location: Some("Café \"Ecke\",\nHöchst & Söhne <1>".to_owned()),
        timezone: "Not/AZone".to_owned(),
        url: Some("https://example.com/?a=1&b=\"><img src=x onerror=alert(1)>".to_owned()),
        ..full()
    }
}

/// What a message may carry for its recipients.
#[must_use]
pub fn details() -> MessageDetails {
    MessageDetails {
        note: Some("The cloakroom is closed this time.\nPlease bring a warm coat.".to_owned()),
        reason: Some("the hall is being renovated".to_owned()),
        ..MessageDetails::default()
    }
}

/// The same with characters that have a meaning in HTML or terminals.
#[must_use]
pub fn hostile_details() -> MessageDetails {
    MessageDetails {
        note: Some("<script>alert(1)</script>\r\n.\r\n{{ event.title }}\u{0}\u{202e}".to_owned()),
        reason: Some("\"storm\" & <flood>\r\nBcc: everyone@example.org".to_owned()),
        ..MessageDetails::default()
    }
}

/// A notice with all fields.
#[must_use]
pub fn notice() -> MessageDetails {
    MessageDetails {
        notice: Some(Notice {
            message:
                "Your car is ready. You can pick it up until 18:00.\n\nPlease bring the keys of the loan car."
                    .to_owned(),
            title: Some("Your car is ready".to_owned()),
            url: Some("https://example.com/vehicles/12".to_owned()),
            notification_type: Some("VEHICLE_STATUS".to_owned()),
            priority: Some("high".to_owned()),
        }),
        ..MessageDetails::default()
    }
}

/// A notice with a message only.
#[must_use]
pub fn bare_notice() -> MessageDetails {
    let notice = Notice { message: "The office is closed today.".to_owned(), ..Notice::default() };
    MessageDetails { notice: Some(notice), ..MessageDetails::default() }
}

/// A notice with characters that have a meaning in HTML, headers or terminals.
#[must_use]
pub fn hostile_notice() -> MessageDetails {
    let notice = Notice {
        message: "<script>alert(1)</script>\r\n.\r\n{{ kind }}\u{0}\u{202e}".to_owned(),
        title: Some("\"Hello\" & <b>\r\nBcc: everyone@example.org".to_owned()),
        url: Some("javascript:alert(1)".to_owned()),
        notification_type: Some("</td></table>".to_owned()),
        priority: None,
    };
    MessageDetails { notice: Some(notice), ..MessageDetails::default() }
}

/// A participant with all fields.
#[must_use]
pub fn ada() -> Participant {
    Participant {
        id: ParticipantId(1),
        key: None,
        email: Some("ada@example.com".to_owned()),
        name: "Ada Lovelace".to_owned(),
        locale: Some("en-GB".to_owned()),
        timezone: None,
        details: None,
    }
}

/// A participant without a name.
#[must_use]
pub fn nameless() -> Participant {
    Participant { name: String::new(), locale: None, ..ada() }
}

/// A participant whose clocks show another time than those of the events.
#[must_use]
pub fn far_away() -> Participant {
    Participant { timezone: Some("America/New_York".to_owned()), ..ada() }
}

/// A participant whose name has a meaning in HTML and in headers.
#[must_use]
pub fn hostile_name() -> Participant {
    Participant { name: "<b>Bob & Ann</b>,\r\n\"Jürgen\" <x>".to_owned(), ..ada() }
}

/// A participant whose name mail programs make a link of.
#[must_use]
pub fn link_name() -> Participant {
    Participant { name: "Win now: https://evil.example/click".to_owned(), ..ada() }
}
