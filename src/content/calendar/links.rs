//! Links that add an event to a calendar on the web. Neither Google nor Microsoft documents them; they have been the same for years, and
//! <https://github.com/InteractionDesignFoundation/add-event-to-calendar-docs> describes them.

use chrono::{DateTime, Utc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::content::calendar::content_lines::{date, date_time};
use crate::content::calendar::span::Span;
use crate::text::clean::{cut, one_line};

/// Longest link, in bytes: longer ones do not work in all browsers, and every mail has both.
const LINK_MAX: usize = 2000;
/// Longest text of a parameter, in characters. The page of the event has the rest.
const TEXT_MAX: usize = 120;
/// What stands for itself in a query (RFC 3986 section 2.3).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The links of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CalendarLinks {
    /// Opens a new entry in Google Calendar.
    pub google: String,
    /// Opens a new entry in Outlook on the web.
    pub outlook: String,
}

impl CalendarLinks {
    /// Links for an event with this title, place and web address.
    pub fn new(span: &Span, title: &str, place: Option<&str>, url: Option<&str>) -> Self {
        let texts = [Some(title), place].map(|text| cut(one_line(text.unwrap_or_default()), TEXT_MAX));
        let details = url.unwrap_or_default();
        Self {
            google: link(google(span), ["text", "location", "details"], [&texts[0], &texts[1], details]),
            outlook: link(outlook(span), ["subject", "location", "body"], [&texts[0], &texts[1], details]),
        }
    }
}

/// Appends the texts, except for those that make the link too long.
fn link(mut link: String, names: [&str; 3], texts: [&str; 3]) -> String {
    for (name, text) in names.into_iter().zip(texts) {
        let value = utf8_percent_encode(text, ENCODED);
        let parameter = format!("&{name}={value}");
        if !text.is_empty() && link.len() + parameter.len() <= LINK_MAX {
            link.push_str(&parameter);
        }
    }
    link
}

/// It wants an end.
fn google(span: &Span) -> String {
    let (dates, zone) = match *span {
        Span::Days { first, after } => (format!("{}/{}", date(first), date(after)), None),
        Span::Times { start, end, zone } => {
            let [start, end] = [start, end.unwrap_or(start)].map(|time| date_time(time.naive_utc()));
            (format!("{start}Z/{end}Z"), zone.name())
        }
    };
    let zone = zone.map(|zone| format!("&ctz={}", utf8_percent_encode(zone, ENCODED))).unwrap_or_default();
    format!("https://calendar.google.com/calendar/render?action=TEMPLATE&dates={dates}{zone}")
}

/// The one for private accounts; organizations have outlook.office.com.
fn outlook(span: &Span) -> String {
    let time = |time: DateTime<Utc>| time.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let (start, end, all_day) = match *span {
        Span::Days { first, after } => (first.to_string(), after.to_string(), "&allday=true"),
        Span::Times { start, end, .. } => (time(start), time(end.unwrap_or(start)), ""),
    };
    format!(
        "https://outlook.live.com/calendar/deeplink/compose?path=/calendar/action/compose&rru=addevent\
         &startdt={start}&enddt={end}{all_day}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::sample;

    fn links(event: &crate::domain::event::Event) -> CalendarLinks {
        let span = Span::of(event).unwrap();
        CalendarLinks::new(&span, &event.title, event.location.as_deref(), event.url.as_deref())
    }

    #[test]
    fn links_have_the_facts_of_the_event() {
        let full = links(&sample::full());
        assert_eq!(
            full.google,
            "https://calendar.google.com/calendar/render?action=TEMPLATE&dates=20261224T170000Z/20261224T190000Z\
             &ctz=Europe%2FBerlin&text=Winter%20Lights%20Concert\
             &location=St.%20Michael%27s%20Hall%2C%20Linden%20Street%207%2C%20Berlin\
             &details=https%3A%2F%2Fexample.com%2Fevents%2Fwinter-lights"
        );
        assert_eq!(
            full.outlook,
            "https://outlook.live.com/calendar/deeplink/compose?path=/calendar/action/compose&rru=addevent\
             &startdt=2026-12-24T17:00:00Z&enddt=2026-12-24T19:00:00Z&subject=Winter%20Lights%20Concert\
             &location=St.%20Michael%27s%20Hall%2C%20Linden%20Street%207%2C%20Berlin\
             &body=https%3A%2F%2Fexample.com%2Fevents%2Fwinter-lights"
        );
        let all_day = links(&sample::all_day());
        assert!(all_day.google.contains("&dates=20261224/20261225&text=Open%20day"), "{all_day:?}");
        assert!(all_day.outlook.contains("&startdt=2026-12-24&enddt=2026-12-25&allday=true&"), "{all_day:?}");
    }

    #[test]
    fn any_text_makes_a_short_link() {
        let long = "🎉 \"&'<>\r\nü".repeat(10_000);
        let event = crate::domain::event::Event {
            title: long.clone(),
            location: Some(long),
            ends_at: None,
            ..sample::full()
        };
        let CalendarLinks { google, outlook } = links(&event);
        assert!(google.contains("dates=20261224T170000Z/20261224T170000Z"), "{google}");
        for link in [google, outlook] {
            assert!(link.len() <= LINK_MAX, "{}", link.len());
            assert!(url::Url::parse(&link).is_ok_and(|url| url.as_str() == link), "{link}");
        }
    }
}
