//! When an event takes place, in several languages.

use chrono::Utc;

use super::*;
use crate::config::content::ContentConfig;
use crate::content::locales::Locales;
use crate::content::sample;
use crate::content::tag::Tag;
use crate::domain::event::DateOrTime;

fn when_in(locale: &str, start: &str, end: Option<&str>, zone: &str) -> Option<String> {
    let event = Event {
        starts_at: Some(moment(start)),
        ends_at: end.map(moment),
        timezone: zone.to_owned(),
        ..sample::full()
    };
    of_event(locale, &event).map(|time| time.when)
}

fn of_event(locale: &str, event: &Event) -> Option<EventTime> {
    let locales = Locales::new(Vec::new(), Vec::new(), &ContentConfig::default()).unwrap();
    EventTime::of(event, &locales.locale(Tag::read(locale).unwrap()).times)
}

fn when(start: &str, end: Option<&str>, zone: &str) -> Option<String> {
    when_in("en", start, end, zone)
}

fn moment(text: &str) -> DateOrTime {
    match text.parse() {
        Ok(date) => DateOrTime::Date(date),
        Err(_) => DateOrTime::Time(text.parse().unwrap()),
    }
}

#[test]
fn the_same_day_is_not_written_twice() {
    assert_eq!(
        when("2026-12-24T17:00:00Z", Some("2026-12-24T19:00:00Z"), "Europe/Berlin").unwrap(),
        "Thursday, 24 December 2026, 18:00 to 20:00 (Berlin time, UTC+1)"
    );
}

#[test]
fn an_end_on_another_day_is_written_in_full() {
    assert_eq!(
        when("2026-12-31T19:00:00Z", Some("2027-01-01T02:30:00Z"), "Europe/Berlin").unwrap(),
        "Thursday, 31 December 2026, 20:00 to Friday, 1 January 2027, 03:30 (Berlin time, UTC+1)"
    );
}

#[test]
fn a_change_of_daylight_saving_time_is_shown() {
    assert_eq!(
        when("2026-10-24T23:00:00Z", Some("2026-10-25T03:00:00Z"), "Europe/Berlin").unwrap(),
        "Sunday, 25 October 2026, 01:00 (UTC+2) to 04:00 (Berlin time, UTC+1)"
    );
}

/// What belongs to a clock stands before its offset.
#[test]
fn a_change_of_daylight_saving_time_is_shown_in_every_language() {
    let (start, end, later) = ("2026-10-24T20:00:00Z", "2026-10-25T11:00:00Z", "2026-10-24T23:00:00Z");
    for (locale, two_days, one_day) in [
        (
            "en",
            "Saturday, 24 October 2026, 22:00 (UTC+2) to Sunday, 25 October 2026, 12:00 (Berlin time, UTC+1)",
            "Sunday, 25 October 2026, 01:00 (UTC+2) to 12:00 (Berlin time, UTC+1)",
        ),
        (
            "de",
            "Samstag, 24. Oktober 2026, 22:00 Uhr (UTC+2) bis Sonntag, 25. Oktober 2026, 12:00 Uhr (Ortszeit Berlin, UTC+1)",
            "Sonntag, 25. Oktober 2026, 01:00 Uhr (UTC+2) bis 12:00 Uhr (Ortszeit Berlin, UTC+1)",
        ),
        (
            "fr",
            "samedi 24 octobre 2026, 22:00 (UTC+2), jusqu’au dimanche 25 octobre 2026, 12:00 (heure locale à Berlin, UTC+1)",
            "dimanche 25 octobre 2026, de 01:00 (UTC+2) à 12:00 (heure locale à Berlin, UTC+1)",
        ),
        (
            "es",
            "sábado, 24 de octubre de 2026, 22:00 (UTC+2), hasta el domingo, 25 de octubre de 2026, 12:00 (hora de Berlín, UTC+1)",
            "domingo, 25 de octubre de 2026, de 01:00 (UTC+2) a 12:00 (hora de Berlín, UTC+1)",
        ),
    ] {
        assert_eq!(when_in(locale, start, Some(end), "Europe/Berlin").unwrap(), two_days);
        assert_eq!(when_in(locale, later, Some(end), "Europe/Berlin").unwrap(), one_day);
    }
}

#[test]
fn an_evening_that_ends_at_midnight_has_one_day() {
    let to_midnight =
        |locale, start| when_in(locale, start, Some("2026-12-24T23:00:00Z"), "Europe/Berlin").unwrap();
    for (locale, expected) in [
        ("en", "Thursday, 24 December 2026, 18:00 to 00:00 (Berlin time, UTC+1)"),
        ("en-US", "Thursday, December 24, 2026, 6:00 PM to 12:00 AM (Berlin time, UTC+1)"),
        ("de", "Donnerstag, 24. Dezember 2026, 18:00 bis 24:00 Uhr (Ortszeit Berlin, UTC+1)"),
        ("fr", "jeudi 24 décembre 2026, de 18:00 à minuit (heure locale à Berlin, UTC+1)"),
        ("es", "jueves, 24 de diciembre de 2026, de 18:00 a 24:00 (hora de Berlín, UTC+1)"),
        ("pt", "quinta-feira, 24 de dezembro de 2026, 18:00 – 00:00 (Berlim, UTC+1)"),
    ] {
        assert_eq!(to_midnight(locale, "2026-12-24T17:00:00Z"), expected);
    }
    let mexican = to_midnight("es-MX", "2026-12-24T17:00:00Z");
    assert!(!mexican.contains("24:00") || mexican.contains("18:00"), "{mexican}");
    let of_a_day = to_midnight("en", "2026-12-23T23:00:00Z");
    assert_eq!(
        of_a_day,
        "Thursday, 24 December 2026, 00:00 to Friday, 25 December 2026, 00:00 (Berlin time, UTC+1)"
    );
}

#[test]
fn a_zone_is_shown_as_a_city_with_its_offset() {
    let in_zone = |zone| when("2026-06-01T10:00:00Z", None, zone).unwrap();
    assert_eq!(in_zone("America/Sao_Paulo"), "Monday, 1 June 2026, 07:00 (São Paulo time, UTC-3)");
    assert_eq!(in_zone("UTC"), "Monday, 1 June 2026, 10:00 (UTC)");
    assert_eq!(in_zone("W. Europe Standard Time"), "Monday, 1 June 2026, 12:00 (Berlin time, UTC+2)");
    assert_eq!(in_zone("GMT+2"), "Monday, 1 June 2026, 12:00 (UTC+2)");
    assert_eq!(in_zone(""), "Monday, 1 June 2026, 10:00 (UTC)");
}

#[test]
fn an_unknown_zone_is_utc() {
    assert_eq!(
        when("2026-06-01T10:00:00Z", Some("2026-06-01T11:00:00Z"), "Middle-earth/Shire").unwrap(),
        "Monday, 1 June 2026, 10:00 to 11:00 (UTC+0)"
    );
}

#[test]
fn a_date_is_the_same_day_in_every_zone() {
    let zones = [
        "Etc/GMT+12",
        "America/New_York",
        "UTC",
        "Europe/Berlin",
        "Pacific/Kiritimati",
        "-12",
        "+14:00",
        "?",
    ];
    for zone in zones {
        assert_eq!(when("2026-12-24", None, zone).unwrap(), "Thursday, 24 December 2026", "{zone}");
        assert_eq!(when("2026-12-24", Some("2026-12-24"), zone).unwrap(), "Thursday, 24 December 2026");
        assert_eq!(
            when("2026-12-24", Some("2026-12-26"), zone).unwrap(),
            "Thursday, 24 December 2026 to Saturday, 26 December 2026",
            "{zone}"
        );
    }
    let event = of_event("en", &sample::all_day()).unwrap();
    assert_eq!((event.date.as_str(), event.time.as_str()), ("Thursday, 24 December 2026", ""));
    assert_eq!((event.day.as_str(), event.month.as_str(), event.all_day), ("24", "Dec", true));
    assert!(!of_event("en", &sample::full()).unwrap().all_day);
    assert_eq!(when("2026-12-24", Some("2026-12-23"), "UTC").unwrap(), "Thursday, 24 December 2026");
    assert_eq!(when("9999-01-01", None, "UTC"), None);
}

#[test]
fn one_of_start_and_end_may_be_a_date() {
    let (time, zone) = ("2026-12-24T23:30:00Z", "Europe/Berlin");
    let from = "Friday, 25 December 2026, 00:30 (Berlin time, UTC+1)";
    assert_eq!(when(time, Some("2026-12-25"), zone).unwrap(), from);
    assert_eq!(
        when(time, Some("2026-12-26"), zone).unwrap(),
        format!("{from} to Saturday, 26 December 2026")
    );
    let day = "Thursday, 24 December 2026";
    assert_eq!(when("2026-12-24", Some(time), zone).unwrap(), format!("{day} to {from}"));
    assert_eq!(
        when("2026-12-25", Some(time), zone).unwrap(),
        "Friday, 25 December 2026 to 00:30 (Berlin time, UTC+1)"
    );
}

#[test]
fn what_cannot_be_shown_is_left_out() {
    assert_eq!(
        when("2026-06-01T10:00:00Z", Some("2026-06-01T09:00:00Z"), "UTC").unwrap(),
        "Monday, 1 June 2026, 10:00 (UTC)"
    );
    let event = Event { starts_at: Some(DateOrTime::Time(DateTime::<Utc>::MAX_UTC)), ..sample::full() };
    assert_eq!(of_event("en", &event), None);
    assert_eq!(of_event("en", &sample::bare()), None);
}

#[test]
fn each_language_has_its_words_between_dates_and_times() {
    let (start, end, later) = ("2026-12-24T17:00:00Z", "2026-12-24T19:00:00Z", "2026-12-25T02:30:00Z");
    for (locale, one_day, two_days, dates) in [
        (
            "en-US",
            "Thursday, December 24, 2026, 6:00 PM to 8:00 PM (Berlin time, UTC+1)",
            "Thursday, December 24, 2026, 6:00 PM to Friday, December 25, 2026, 3:30 AM (Berlin time, UTC+1)",
            "Thursday, December 24, 2026 to Saturday, December 26, 2026",
        ),
        (
            "de-AT",
            "Donnerstag, 24. Dezember 2026, 18:00 bis 20:00 Uhr (Ortszeit Berlin, UTC+1)",
            "Donnerstag, 24. Dezember 2026, 18:00 Uhr bis Freitag, 25. Dezember 2026, 03:30 Uhr (Ortszeit Berlin, UTC+1)",
            "Donnerstag, 24. Dezember 2026 bis Samstag, 26. Dezember 2026",
        ),
        (
            "fr",
            "jeudi 24 décembre 2026, de 18:00 à 20:00 (heure locale à Berlin, UTC+1)",
            "jeudi 24 décembre 2026, 18:00, jusqu’au vendredi 25 décembre 2026, 03:30 (heure locale à Berlin, UTC+1)",
            "du jeudi 24 décembre 2026 au samedi 26 décembre 2026",
        ),
        (
            "es",
            "jueves, 24 de diciembre de 2026, de 18:00 a 20:00 (hora de Berlín, UTC+1)",
            "jueves, 24 de diciembre de 2026, 18:00, hasta el viernes, 25 de diciembre de 2026, 03:30 (hora de Berlín, UTC+1)",
            "del jueves, 24 de diciembre de 2026 al sábado, 26 de diciembre de 2026",
        ),
        (
            "pt-BR",
            "quinta-feira, 24 de dezembro de 2026, 18:00 – 20:00 (Berlim, UTC+1)",
            "quinta-feira, 24 de dezembro de 2026, 18:00 – sexta-feira, 25 de dezembro de 2026, 03:30 (Berlim, UTC+1)",
            "quinta-feira, 24 de dezembro de 2026 – sábado, 26 de dezembro de 2026",
        ),
    ] {
        assert_eq!(when_in(locale, start, Some(end), "Europe/Berlin").unwrap(), one_day);
        assert_eq!(when_in(locale, start, Some(later), "Europe/Berlin").unwrap(), two_days);
        assert_eq!(when_in(locale, "2026-12-24", Some("2026-12-26"), "").unwrap(), dates);
    }
}

#[test]
fn a_short_date_has_its_year_where_readers_would_take_another_one() {
    let short = |locale: &str, start: &str| {
        let event = Event { starts_at: Some(moment(start)), ends_at: None, ..sample::full() };
        let locales = Locales::new(Vec::new(), Vec::new(), &ContentConfig::default()).unwrap();
        let now = "2026-12-01T09:00:00Z".parse().unwrap();
        with_year(&event, &locales.locale(Tag::read(locale).unwrap()).times, now)
    };
    for start in ["2027-01-05", "2026-12-24T17:00:00Z", "2027-10-01", "2026-01-05", "2026-11-30"] {
        assert_eq!(short("en", start), None, "{start}");
    }
    for (locale, start, expected) in [
        ("en", "2028-01-06T17:00:00Z", ["Thu, 6 Jan 2028", "Thu, 6 Jan 2028, 18:00"]),
        ("en", "2027-10-02", ["Sat, 2 Oct 2027"; 2]),
        ("en", "2025-12-24", ["Wed, 24 Dec 2025"; 2]),
        ("de", "2028-01-06", ["Do., 06.01.2028"; 2]),
        ("fr", "2028-01-01", ["sam. 1er janv. 2028"; 2]),
        ("es", "2028-01-06", ["jue, 6 ene 2028"; 2]),
    ] {
        assert_eq!(short(locale, start), Some(expected.map(str::to_owned)), "{locale} {start}");
    }
}

#[test]
fn a_language_that_there_is_not_is_english() {
    for locale in ["xx", "tlh-DE"] {
        assert_eq!(when_in(locale, "2026-12-24", None, "").unwrap(), "Thursday, 24 December 2026");
    }
}
