//! The section of what mails say and how they look: the templates, and what the built-in ones show of the sender.

pub mod brand;
pub mod calendar;
pub mod contact;
pub mod description_format;
pub mod map_url;

use std::path::PathBuf;

use crate::config::content::brand::Brand;
use crate::config::content::calendar::CalendarMode;
use crate::config::content::contact::Contact;
use crate::config::content::description_format::DescriptionFormat;
use crate::config::content::map_url::MapUrl;
use crate::config::reader::Reader;

/// Longest locale, in characters.
const LOCALE_MAX: usize = 64;

/// Longest postal address, in characters.
const POSTAL_ADDRESS_MAX: usize = 300;

/// Longest text of one's own in the footer, in characters. Every mail has it twice.
const FOOTER_TEXT_MAX: usize = 1000;

/// Templates, and what they show of the sender.
#[derive(Debug, Clone, Default)]
pub struct ContentConfig {
    /// Templates to use instead of the embedded ones (`TEMPLATES_DIR`).
    pub templates_dir: Option<PathBuf>,
    /// The language of people without a locale (`DEFAULT_LOCALE`); English if it is not set. Which ones there are, `content` knows.
    pub default_locale: Option<String>,
    /// Name, logo and colour.
    pub brand: Brand,
    /// Whom people ask (`CONTACT`); the address of `REPLY_TO` where that alone is set.
    pub contact: Option<Contact>,
    /// Whether the sender reads what people answer: `REPLY_TO` is set.
    pub takes_replies: bool,
    /// The sender's postal address (`POSTAL_ADDRESS`), in one or more lines.
    pub postal_address: Option<String>,
    /// A text of one's own at the end of each mail (`FOOTER_TEXT`), in one or more lines.
    pub footer_text: Option<String>,
    /// In which format descriptions are (`DESCRIPTION_FORMAT`).
    pub description_format: DescriptionFormat,
    /// Where the maps of places are (`MAP_URL`).
    pub map_url: MapUrl,
    /// What mails carry for calendars (`CALENDAR`).
    pub calendar: CalendarMode,
}

impl ContentConfig {
    /// Reads the section; `reply_to` is the address of `REPLY_TO`.
    pub(super) fn read(reader: &mut Reader<'_>, reply_to: Option<&str>) -> Self {
        Self {
            templates_dir: reader.path("TEMPLATES_DIR"),
            default_locale: reader.line("DEFAULT_LOCALE", LOCALE_MAX),
            brand: Brand::read(reader),
            contact: Contact::read(reader).or(reply_to.map(|address| Contact::Address(address.to_owned()))),
            takes_replies: reply_to.is_some(),
            postal_address: reader.lines("POSTAL_ADDRESS", POSTAL_ADDRESS_MAX),
            footer_text: reader.lines("FOOTER_TEXT", FOOTER_TEXT_MAX),
            description_format: reader
                .parsed("DESCRIPTION_FORMAT", "auto, text, markdown or html", DescriptionFormat::parse)
                .unwrap_or_default(),
            map_url: reader.parsed("MAP_URL", map_url::EXPECTED, MapUrl::parse).unwrap_or_default(),
            calendar: CalendarMode::read(reader),
        }
    }

    /// The section alone, with the default in place of each value that is wrong.
    pub fn from_lookup(lookup: &dyn Fn(&str) -> Option<String>) -> Self {
        Self::read(&mut Reader::new(lookup), None)
    }

    /// With the templates of a folder.
    #[cfg(test)]
    pub(crate) fn with_templates(dir: impl Into<PathBuf>) -> Self {
        Self { templates_dir: Some(dir.into()), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use crate::config::content::contact::Contact;

    /// The section, or the problems, one per line.
    fn read(set: &[(&str, &str)]) -> Result<super::ContentConfig, String> {
        let value =
            |wanted: &str| set.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned());
        Config::from_lookup(&value).map(|config| config.content).map_err(|errors| errors.to_string())
    }

    #[test]
    fn people_ask_where_their_replies_go_unless_a_contact_is_set() {
        let address = |text: &str| Some(Contact::Address(text.to_owned()));
        let reply_to = ("REPLY_TO", "hello@example.org");
        let of_replies = read(&[reply_to]).unwrap();
        assert_eq!((of_replies.contact, of_replies.takes_replies), (address("hello@example.org"), true));
        let both = read(&[reply_to, ("CONTACT", "desk@example.org")]).unwrap();
        assert_eq!((both.contact, both.takes_replies), (address("desk@example.org"), true));
        let neither = read(&[]).unwrap();
        assert_eq!((neither.contact, neither.takes_replies), (None, false));
    }

    #[test]
    fn values_that_no_mail_should_have_are_refused() {
        let long = "x".repeat(10_000);
        for (name, value, expected) in [
            ("FOOTER_TEXT", long.as_str(), "expected text of at most 1000 characters (this has 10000)"),
            ("POSTAL_ADDRESS", &long, "expected text of at most 300 characters (this has 10000)"),
            ("CALENDAR", "yes", "expected request, publish or off"),
            ("CONTACT", &long, "expected text on one line, of at most 200 characters"),
            (
                "REPLY_TO",
                "Events <events@example.org>",
                "expected one address such as events@example.org, without a name",
            ),
            (
                "REPLY_TO",
                "events@bücher.example",
                "expected one address such as events@example.org, without a name",
            ),
        ] {
            let problem = read(&[(name, value)]).unwrap_err();
            assert!(problem.contains(expected) && problem.len() < 400, "{problem}");
        }
    }
}
