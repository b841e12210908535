//! Dates, times and cities as a language writes them, by the data of CLDR. How they are put together for an event is left to `dates`.

use std::fmt::{self, Display};
use std::sync::OnceLock;

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, Timelike};
use icu_calendar::{Date, Gregorian};
use icu_datetime::fieldsets::{D, E, M, MDE, T, YMDE, zone::ExemplarCity};
use icu_datetime::{
    DateTimeFormatterLoadError, FixedCalendarDateTimeFormatter, NoCalendarFormatter, input::Time,
};
use icu_locale_core::Locale;
use icu_time::zone::{IanaParser, TimeZone as Place};

use crate::content::tag::Tag;

/// What English without a region is written like: day before month, and 24 hours.
const ENGLISH_OF: &str = "en-GB";

/// The formats of one language. The calendar is always the Gregorian one, which calendars and tickets have.
pub(crate) struct DateFormats {
    /// The language.
    pub tag: Tag,
    long_date: FixedCalendarDateTimeFormatter<Gregorian, YMDE>,
    short_date: FixedCalendarDateTimeFormatter<Gregorian, MDE>,
    month: FixedCalendarDateTimeFormatter<Gregorian, M>,
    day: FixedCalendarDateTimeFormatter<Gregorian, D>,
    time: NoCalendarFormatter<T>,
    city: NoCalendarFormatter<ExemplarCity>,
    /// Loaded when a template asks for one.
    names: OnceLock<Option<Names>>,
}

/// Names that stand alone, which templates of one's own may ask for, and what few mails need.
struct Names {
    weekday: FixedCalendarDateTimeFormatter<Gregorian, E>,
    short_weekday: FixedCalendarDateTimeFormatter<Gregorian, E>,
    month: FixedCalendarDateTimeFormatter<Gregorian, M>,
    short_date_with_year: FixedCalendarDateTimeFormatter<Gregorian, YMDE>,
}

impl fmt::Debug for DateFormats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DateFormats({})", self.tag)
    }
}

impl DateFormats {
    /// Those of a language, if CLDR has it.
    pub fn new(tag: Tag) -> Option<Self> {
        let formats = Self::load(tag, &icu_locale(tag)?).ok()?;
        // A language without data gets those of no language, where December is M12.
        let december = formats.month(NaiveDate::from_ymd_opt(2026, 12, 1)?);
        (december != "M12").then_some(formats)
    }

    fn load(tag: Tag, locale: &Locale) -> Result<Self, DateTimeFormatterLoadError> {
        Ok(Self {
            tag,
            long_date: FixedCalendarDateTimeFormatter::try_new(locale.into(), YMDE::long())?,
            short_date: FixedCalendarDateTimeFormatter::try_new(locale.into(), MDE::medium())?,
            month: FixedCalendarDateTimeFormatter::try_new(locale.into(), M::medium())?,
            day: FixedCalendarDateTimeFormatter::try_new(locale.into(), D::medium())?,
            time: NoCalendarFormatter::try_new(locale.into(), T::hm())?,
            city: NoCalendarFormatter::try_new(locale.into(), ExemplarCity)?,
            names: OnceLock::new(),
        })
    }

    /// `Thursday, 24 December 2026`
    pub fn long_date(&self, date: NaiveDate) -> String {
        let long = gregorian(date).map(|date| written(&self.long_date.format(&date)));
        self.with_first_of_month(date, long.unwrap_or_default())
    }

    /// `Thu 24 Dec`
    pub fn short_date(&self, date: NaiveDate) -> String {
        let short = gregorian(date).map(|date| written(&self.short_date.format(&date)));
        self.with_first_of_month(date, short.unwrap_or_default())
    }

    /// `Thu 24 Dec 2026`
    pub fn short_date_with_year(&self, date: NaiveDate) -> String {
        let short = self.name(date, |names, date| written(&names.short_date_with_year.format(date)));
        self.with_first_of_month(date, short)
    }

    /// `Dec`
    pub fn month(&self, date: NaiveDate) -> String {
        gregorian(date).map(|date| written(&self.month.format(&date))).unwrap_or_default()
    }

    /// In French the first day of a month has an ordinal number, which the patterns of CLDR do not have.
    fn with_first_of_month(&self, date: NaiveDate, written: String) -> String {
        if date.day() == 1 && self.tag.is_of("fr") { written.replacen(" 1 ", " 1er ", 1) } else { written }
    }

    /// `Thursday`
    pub fn weekday(&self, date: NaiveDate) -> String {
        self.name(date, |names, date| written(&names.weekday.format(date)))
    }

    /// `Thu`
    pub fn short_weekday(&self, date: NaiveDate) -> String {
        self.name(date, |names, date| written(&names.short_weekday.format(date)))
    }

    /// `December`
    pub fn long_month(&self, date: NaiveDate) -> String {
        self.name(date, |names, date| written(&names.month.format(date)))
    }

    fn name(&self, date: NaiveDate, write: impl Fn(&Names, &Date<Gregorian>) -> String) -> String {
        let names = self.names.get_or_init(|| Names::load(&icu_locale(self.tag)?).ok());
        names.as_ref().zip(gregorian(date)).map(|(names, date)| write(names, &date)).unwrap_or_default()
    }

    /// `24`
    pub fn day(&self, date: NaiveDate) -> String {
        gregorian(date).map(|date| written(&self.day.format(&date))).unwrap_or_default()
    }

    /// `18:00`, or `6:00 PM`.
    pub fn time(&self, time: DateTime<FixedOffset>) -> String {
        // Hours and minutes of a clock are in range.
        let part = |number: u32| u8::try_from(number).unwrap_or_default();
        let time = Time::try_new(part(time.hour()), part(time.minute()), 0, 0);
        time.map(|time| written(&self.time.format(&time))).unwrap_or_default()
    }

    /// The city that a zone is named for: `Berlin`, `Londres`.
    pub fn city(&self, place: Place) -> String {
        written(&self.city.format(&place.without_offset()))
    }
}

impl Names {
    fn load(locale: &Locale) -> Result<Self, DateTimeFormatterLoadError> {
        Ok(Self {
            weekday: FixedCalendarDateTimeFormatter::try_new(locale.into(), E::long())?,
            short_weekday: FixedCalendarDateTimeFormatter::try_new(locale.into(), E::short())?,
            month: FixedCalendarDateTimeFormatter::try_new(locale.into(), M::long())?,
            short_date_with_year: FixedCalendarDateTimeFormatter::try_new(locale.into(), YMDE::medium())?,
        })
    }
}

/// The language, as ICU names it. English without a region is that of [`ENGLISH_OF`].
pub(crate) fn icu_locale(tag: Tag) -> Option<Locale> {
    let name = if tag == Tag::ENGLISH { ENGLISH_OF.to_owned() } else { tag.to_string() };
    name.parse().ok()
}

/// The place that a zone of IANA is named for: the same for all of its names, such as `Asia/Calcutta` and `Asia/Kolkata`. None for UTC
/// and offsets.
pub(crate) fn place(zone: &str) -> Option<Place> {
    let place = IanaParser::new().parse(zone);
    let id = place.0.as_str();
    let is_place = !matches!(id, "unk" | "gmt") && !id.starts_with("utc");
    is_place.then_some(place)
}

fn gregorian(date: NaiveDate) -> Option<Date<Gregorian>> {
    Date::try_new_gregorian(date.year(), u8::try_from(date.month()).ok()?, u8::try_from(date.day()).ok()?)
        .ok()
}

/// The narrow space before `PM` becomes a usual one where nothing else is beyond ASCII: a mail of plain ASCII needs no encoding.
fn written(text: &impl Display) -> String {
    let text = text.to_string();
    let plain = text.replace('\u{202f}', " ");
    if plain.is_ascii() { plain } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formats(tag: &str) -> DateFormats {
        DateFormats::new(Tag::read(tag).unwrap()).unwrap()
    }

    #[test]
    fn each_language_has_its_way() {
        let date = NaiveDate::from_ymd_opt(2026, 12, 3).unwrap();
        let time = "2026-12-03T18:05:00+01:00".parse().unwrap();
        for (tag, expected) in [
            ("en", "Thursday, 3 December 2026|Thu 3 Dec|3|Dec|18:05|Vienna"),
            ("en-GB", "Thursday, 3 December 2026|Thu 3 Dec|3|Dec|18:05|Vienna"),
            ("en-US", "Thursday, December 3, 2026|Thu, Dec 3|3|Dec|6:05 PM|Vienna"),
            ("de-AT", "Donnerstag, 3. Dezember 2026|Do., 3. Dez.|3|Dez|18:05|Wien"),
            ("fr", "jeudi 3 décembre 2026|jeu. 3 déc.|3|déc.|18:05|Vienne"),
            ("es", "jueves, 3 de diciembre de 2026|jue, 3 dic|3|dic|18:05|Viena"),
            ("ar", "الخميس، 3 ديسمبر 2026|الخميس، 3 ديسمبر|3|ديسمبر|6:05 م|فيينا"),
            ("he", "יום חמישי, 3 בדצמבר 2026|יום ה׳, 3 בדצמ׳|3|דצמ׳|18:05|וינה"),
            ("ja", "2026年12月3日木曜日|12月3日(木)|3日|12月|18:05|ウィーン"),
        ] {
            let formats = formats(tag);
            let found = [
                formats.long_date(date),
                formats.short_date(date),
                formats.day(date),
                formats.month(date),
                formats.time(time),
                formats.city(place("Europe/Vienna").unwrap()),
            ];
            assert_eq!(found.join("|"), expected, "{tag}");
        }
    }

    #[test]
    fn the_first_of_a_month_is_an_ordinal_in_french() {
        let day = |day| NaiveDate::from_ymd_opt(2027, 1, day).unwrap();
        let formats = formats("fr-CA");
        assert_eq!(formats.long_date(day(1)), "vendredi 1er janvier 2027");
        assert!(formats.short_date(day(1)).contains(" 1er janv"), "{}", formats.short_date(day(1)));
        assert_eq!(formats.long_date(day(11)), "lundi 11 janvier 2027");
    }

    #[test]
    fn a_language_without_data_has_no_formats() {
        for tag in ["xx", "tlh", "zz-DE"] {
            assert!(DateFormats::new(Tag::read(tag).unwrap()).is_none(), "{tag}");
        }
        assert!(DateFormats::new(Tag::read("de-XX").unwrap()).is_some(), "a region that there is not");
    }

    #[test]
    fn offsets_are_no_cities() {
        for zone in ["UTC", "Etc/GMT+2", "GMT", "Zulu", "Middle-earth/Shire", ""] {
            assert_eq!(place(zone), None, "{zone}");
        }
        let city = |zone: &str| place(zone).map(|place| formats("en").city(place));
        assert_eq!(city("US/Eastern").as_deref(), Some("New York"));
        assert_eq!(city("Europe/Kyiv").as_deref(), Some("Kyiv"));
    }
}
