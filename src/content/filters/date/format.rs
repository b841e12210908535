//! How the filter `date` writes a time: by a name, as the language does, or by a pattern as strftime has it.

use chrono::{DateTime, FixedOffset, NaiveDate, SecondsFormat};

use crate::content::date_formats::DateFormats;
use crate::content::local_span::Local;

/// The formats that have names.
const NAMED: [(&str, Format); 6] = [
    ("long", Format::Long),
    ("short", Format::Short),
    ("time", Format::Time),
    ("weekday", Format::Weekday),
    ("month", Format::Month),
    ("iso", Format::Iso),
];

/// The letters behind `%` that a pattern may have.
const FIELDS: &str = "Y y m d e j H I M S A a B b z F T R %";

/// How a time is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Format {
    /// `Thursday, 24 December 2026`
    Long,
    /// `Thu 24 Dec`
    Short,
    /// `18:00`
    Time,
    /// `Thursday`
    Weekday,
    /// `December`
    Month,
    /// `2026-12-24T18:00:00+01:00`
    Iso,
    /// `%d.%m.%Y`, taken apart.
    Pattern(Vec<Piece>),
}

/// A piece of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Text as it is.
    Literal(String),
    /// The letter behind `%`.
    Field(char),
}

impl Format {
    /// A name, or a pattern.
    ///
    /// # Errors
    /// What is wrong with it, in plain words.
    pub fn parse(format: &str) -> Result<Self, String> {
        if let Some((_, named)) = NAMED.into_iter().find(|(name, _)| *name == format) {
            return Ok(named);
        }
        if !format.contains('%') {
            let names = NAMED.map(|(name, _)| name).join(", ");
            return Err(format!(
                "the filter date has no format \"{format}\" (it has: {names}, and patterns such as %d.%m.%Y)"
            ));
        }
        pattern(format).map(Self::Pattern)
    }

    /// A time that is written so. A date without a time has no clock: what shows one is left out.
    pub fn write(&self, local: Local, formats: &DateFormats) -> String {
        let Local { date, clock } = local;
        match self {
            Self::Long => formats.long_date(date),
            Self::Short => formats.short_date(date),
            Self::Time => clock.map(|clock| formats.time(clock)).unwrap_or_default(),
            Self::Weekday => formats.weekday(date),
            Self::Month => formats.long_month(date),
            Self::Iso => iso(local),
            Self::Pattern(pieces) => {
                let piece = |piece: &Piece| match piece {
                    Piece::Literal(text) => text.clone(),
                    Piece::Field(letter) => field(*letter, date, clock, formats),
                };
                pieces.iter().map(piece).collect()
            }
        }
    }
}

/// As ISO 8601 and RFC 3339 have it: a date, or a time with its offset.
pub(crate) fn iso(local: Local) -> String {
    match local.clock {
        Some(clock) => clock.to_rfc3339_opts(SecondsFormat::AutoSi, false),
        None => local.date.to_string(),
    }
}

fn pattern(format: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            literal.push(letter);
            continue;
        }
        match letters.next() {
            Some('%') => literal.push('%'),
            Some(field) if field != ' ' && FIELDS.contains(field) => {
                if !literal.is_empty() {
                    pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                }
                pieces.push(Piece::Field(field));
            }
            other => {
                let known: Vec<String> = FIELDS.split(' ').map(|letter| format!("%{letter}")).collect();
                return Err(format!(
                    "the filter date has no %{} (it has: {}; format=\"time\" writes hours as the language does, with AM and PM too)",
                    other.map(String::from).unwrap_or_default(),
                    known.join(", ")
                ));
            }
        }
    }
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    Ok(pieces)
}

/// Names are those of the language. Digits are those of ASCII: patterns are for what has to look the same everywhere.
fn field(
    letter: char,
    date: NaiveDate,
    clock: Option<DateTime<FixedOffset>>,
    formats: &DateFormats,
) -> String {
    let of_clock = |form: &str| clock.map(|clock| clock.format(form).to_string()).unwrap_or_default();
    match letter {
        'A' => formats.weekday(date),
        'a' => formats.short_weekday(date),
        'B' => formats.long_month(date),
        'b' => formats.month(date),
        'H' => of_clock("%H"),
        'I' => of_clock("%I"),
        'M' => of_clock("%M"),
        'S' => of_clock("%S"),
        'T' => of_clock("%T"),
        'R' => of_clock("%R"),
        'z' => of_clock("%:z"),
        'Y' => date.format("%Y").to_string(),
        'y' => date.format("%y").to_string(),
        'm' => date.format("%m").to_string(),
        'd' => date.format("%d").to_string(),
        'e' => date.format("%-d").to_string(),
        'j' => date.format("%j").to_string(),
        _ => date.format("%F").to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::tag::Tag;

    const DATE: &str = "2026-12-03";

    fn written(format: &str, clock: Option<&str>, language: &str) -> String {
        let clock = clock.map(|clock| format!("{DATE}T{clock}").parse().unwrap());
        let formats = DateFormats::new(Tag::read(language).unwrap()).unwrap();
        let local = Local { date: DATE.parse().unwrap(), clock };
        Format::parse(format).unwrap().write(local, &formats)
    }

    #[test]
    fn each_format_is_written_in_each_language() {
        let clock = Some("18:05:09+01:00");
        for (format, expected) in [
            ("long", ["Thursday, 3 December 2026", "Donnerstag, 3. Dezember 2026", "الخميس، 3 ديسمبر 2026"]),
            ("short", ["Thu 3 Dec", "Do., 3. Dez.", "الخميس، 3 ديسمبر"]),
            ("time", ["18:05", "18:05", "6:05 م"]),
            ("weekday", ["Thursday", "Donnerstag", "الخميس"]),
            ("month", ["December", "Dezember", "ديسمبر"]),
            ("iso", ["2026-12-03T18:05:09+01:00"; 3]),
            (
                "%A, %e. %B %Y",
                ["Thursday, 3. December 2026", "Donnerstag, 3. Dezember 2026", "الخميس, 3. ديسمبر 2026"],
            ),
            ("%a %d.%m.%y", ["Thu 03.12.26", "Do 03.12.26", "الخميس 03.12.26"]),
            ("%F %R %T %I%% %z %j", ["2026-12-03 18:05 18:05:09 06% +01:00 337"; 3]),
        ] {
            let found = ["en", "de", "ar"].map(|language| written(format, clock, language));
            assert_eq!(found, expected, "{format}");
        }
    }

    #[test]
    fn a_date_without_a_time_has_no_clock() {
        assert_eq!(["time", "%R", "%d.%m."].map(|format| written(format, None, "en")), ["", "", "03.12."]);
        assert_eq!(written("iso", None, "en"), DATE);
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (format, told) in [
            (
                "lnog",
                "the filter date has no format \"lnog\" (it has: long, short, time, weekday, month, iso, and patterns such as %d.%m.%Y)",
            ),
            ("%d.%Q", "the filter date has no %Q (it has: %Y, "),
            ("%I:%M %p", "the filter date has no %p (it has: "),
            ("%d %", "the filter date has no % (it has: "),
        ] {
            let problem = Format::parse(format).unwrap_err();
            assert!(problem.starts_with(told), "{problem}");
        }
    }
}
