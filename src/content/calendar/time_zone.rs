//! Times of an event with their time zone: `DTSTART`, `DTEND`, and the `VTIMEZONE` component that they refer to (RFC 5545 section
//! 3.6.5). Which rules a place has is left to `zone_rules`.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeZone as _, Utc, Weekday};
use chrono_tz::Tz;

use crate::content::calendar::content_lines::{ContentLines, date, date_time};
use crate::content::calendar::span::Span;
use crate::content::calendar::zone_rules::{YearlyChange, ZoneRules};
use crate::domain::time_zone::TimeZone;

/// How the times of an event are written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Times {
    /// In UTC. Calendars show them in the zone of their reader anyway.
    Utc,
    /// By the clocks of a place.
    At(Tz, ZoneRules),
}

impl Times {
    /// In the zone of the event, if it has a name and rules, and its clocks show the start and the end only once. A time that they show
    /// twice means the first one (RFC 5545 section 3.3.5), but ical.js 2.2.1 reads the second one.
    pub fn of(span: &Span) -> Self {
        let Span::Times { start, end, zone: TimeZone::Place(zone) } = *span else { return Self::Utc };
        let is_clear =
            |time: &DateTime<Utc>| zone.from_local_datetime(&local(zone, *time)).single().is_some();
        match ZoneRules::of(zone, start, end) {
            Some(ZoneRules::Fixed(0)) if is_utc(zone) => Self::Utc,
            Some(rules) if [Some(start), end].iter().flatten().all(is_clear) => Self::At(zone, rules),
            _ => Self::Utc,
        }
    }

    /// The component, if the times need one.
    pub fn write_component(self, lines: &mut ContentLines) {
        let Self::At(zone, rules) = self else { return };
        lines.line(&["BEGIN:VTIMEZONE"]);
        lines.line(&["TZID:", zone.name()]);
        match rules {
            ZoneRules::Fixed(offset) => {
                // Before the event: in 1601, as Exchange writes it. Times of Windows begin in that year.
                let onset = NaiveDate::from_ymd_opt(1601, 1, 1).unwrap_or_default().and_time(NaiveTime::MIN);
                write_observance(lines, "STANDARD", offset, offset, onset, None);
            }
            ZoneRules::Yearly { daylight, standard } => {
                for (name, change) in [("DAYLIGHT", daylight), ("STANDARD", standard)] {
                    let YearlyChange { onset, from, to, .. } = change;
                    write_observance(lines, name, from, to, onset, Some(change));
                }
            }
        }
        lines.line(&["END:VTIMEZONE"]);
    }

    /// `DTSTART`, and `DTEND` if there is an end.
    pub fn write(self, span: &Span, lines: &mut ContentLines) {
        match *span {
            Span::Days { first, after } => {
                for (name, day) in [("DTSTART", first), ("DTEND", after)] {
                    lines.line(&[name, ";VALUE=DATE:", &date(day)]);
                }
            }
            Span::Times { start, end, .. } => {
                for (name, time) in [("DTSTART", Some(start)), ("DTEND", end)] {
                    match (time, self) {
                        (Some(time), Self::Utc) => {
                            lines.line(&[name, ":", &date_time(time.naive_utc()), "Z"]);
                        }
                        (Some(time), Self::At(zone, _)) => {
                            lines.line(&[name, ";TZID=", zone.name(), ":", &date_time(local(zone, time))]);
                        }
                        (None, _) => {}
                    }
                }
            }
        }
    }
}

fn local(zone: Tz, time: DateTime<Utc>) -> NaiveDateTime {
    time.with_timezone(&zone).naive_local()
}

/// Whether this zone without an offset is UTC by another name (`Zulu`, `Etc/UCT`) and no place.
fn is_utc(zone: Tz) -> bool {
    !zone.name().contains('/') || zone.name().starts_with("Etc/")
}

fn write_observance(
    lines: &mut ContentLines,
    name: &str,
    from: i32,
    to: i32,
    onset: NaiveDateTime,
    repeated: Option<YearlyChange>,
) {
    lines.line(&["BEGIN:", name]);
    lines.line(&["DTSTART:", &date_time(onset)]);
    if let Some(change) = repeated {
        let (month, week) = (change.month().to_string(), change.week.to_string());
        lines.line(&["RRULE:FREQ=YEARLY;BYMONTH=", &month, ";BYDAY=", &week, abbreviated(change.weekday())]);
    }
    lines.line(&["TZOFFSETFROM:", &offset(from)]);
    lines.line(&["TZOFFSETTO:", &offset(to)]);
    lines.line(&["END:", name]);
}

const fn abbreviated(weekday: Weekday) -> &'static str {
    match weekday {
        Weekday::Mon => "MO",
        Weekday::Tue => "TU",
        Weekday::Wed => "WE",
        Weekday::Thu => "TH",
        Weekday::Fri => "FR",
        Weekday::Sat => "SA",
        Weekday::Sun => "SU",
    }
}

/// `+0100`; with seconds where it has some, as before there were time zones.
fn offset(seconds_east: i32) -> String {
    let (sign, seconds) = (if seconds_east < 0 { '-' } else { '+' }, seconds_east.abs());
    let clock = format!("{sign}{:02}{:02}", seconds / 3600, seconds / 60 % 60);
    match seconds % 60 {
        0 => clock,
        seconds => format!("{clock}{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::sample;
    use crate::domain::event::{DateOrTime, Event};

    /// The lines of an event that begins then and takes two hours.
    fn written(zone: &str, start: &str) -> String {
        let start: DateTime<Utc> = start.parse().unwrap();
        let end = start + chrono::TimeDelta::hours(2);
        let event = Event {
            starts_at: Some(DateOrTime::Time(start)),
            ends_at: Some(DateOrTime::Time(end)),
            timezone: zone.to_owned(),
            ..sample::full()
        };
        let span = Span::of(&event).unwrap();
        let mut lines = ContentLines::default();
        Times::of(&span).write_component(&mut lines);
        Times::of(&span).write(&span, &mut lines);
        lines.finish()
    }

    #[test]
    fn times_have_their_zone() {
        insta::assert_snapshot!(written("europe/berlin", "2026-12-24T17:00:00Z"), @r"
        BEGIN:VTIMEZONE
        TZID:Europe/Berlin
        BEGIN:DAYLIGHT
        DTSTART:20260329T020000
        RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
        TZOFFSETFROM:+0100
        TZOFFSETTO:+0200
        END:DAYLIGHT
        BEGIN:STANDARD
        DTSTART:20261025T030000
        RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
        TZOFFSETFROM:+0200
        TZOFFSETTO:+0100
        END:STANDARD
        END:VTIMEZONE
        DTSTART;TZID=Europe/Berlin:20261224T180000
        DTEND;TZID=Europe/Berlin:20261224T200000
        ");
        insta::assert_snapshot!(written("Asia/Kathmandu", "2026-12-24T17:00:00Z"), @r"
        BEGIN:VTIMEZONE
        TZID:Asia/Kathmandu
        BEGIN:STANDARD
        DTSTART:16010101T000000
        TZOFFSETFROM:+0545
        TZOFFSETTO:+0545
        END:STANDARD
        END:VTIMEZONE
        DTSTART;TZID=Asia/Kathmandu:20261224T224500
        DTEND;TZID=Asia/Kathmandu:20261225T004500
        ");
    }

    #[test]
    fn times_are_utc_where_no_name_tells_them() {
        let utc = "DTSTART:20261224T170000Z\nDTEND:20261224T190000Z\n";
        for zone in ["", "UTC", "Etc/Zulu", "GMT", "Not/AZone", "GMT+2", "-03:30"] {
            assert_eq!(written(zone, "2026-12-24T17:00:00Z"), utc, "{zone}");
        }
        assert!(written("Africa/Abidjan", "2026-12-24T17:00:00Z").contains("TZID:Africa/Abidjan\n"));
        // The hour that clocks show twice, as a start and as an end, and the hours before and after it.
        let berlin = |start| written("Europe/Berlin", start);
        assert!(berlin("2026-10-25T00:30:00Z").starts_with("DTSTART:20261025T003000Z\n"));
        assert!(berlin("2026-10-25T01:30:00Z").starts_with("DTSTART:20261025T013000Z\n"));
        assert!(berlin("2026-10-24T23:30:00Z").ends_with("DTEND:20261025T013000Z\n"));
        assert!(berlin("2026-10-24T22:30:00Z").ends_with("DTEND:20261025T003000Z\n"));
        assert!(berlin("2026-10-24T21:30:00Z").ends_with("DTEND;TZID=Europe/Berlin:20261025T013000\n"));
        assert!(berlin("2026-10-25T02:00:00Z").contains("DTSTART;TZID=Europe/Berlin:20261025T030000\n"));
    }
}
