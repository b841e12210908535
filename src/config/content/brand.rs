//! Whose mails they are: name, logo and colour. Which colours follow from that one is left to `content`.

use url::Url;

use crate::config::reader::Reader;
use crate::text::color::{Color, LARGE_CONTRAST};
use crate::text::links::names_user;

/// Longest name, in characters.
const NAME_MAX: usize = 75;

/// Longest address of a logo, in bytes. Every mail has it.
const URL_MAX: usize = 500;

/// Name, logo and colour.
#[derive(Debug, Clone, Default)]
pub struct Brand {
    /// The name that people know the sender by (`BRAND_NAME`).
    pub name: Option<String>,
    /// Where mail programs get the logo from (`BRAND_LOGO_URL`): an https address.
    pub logo_url: Option<String>,
    /// The colour of the band and the button (`BRAND_COLOR`). It has a contrast of 3:1 to white.
    pub color: Option<Color>,
}

impl Brand {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let name = reader.line("BRAND_NAME", NAME_MAX);
        let expected =
            format!("an address that begins with https://, without a user name, of at most {URL_MAX} bytes");
        let logo_url = reader.parsed("BRAND_LOGO_URL", &expected, https_address);
        if logo_url.is_some() && name.is_none() {
            let sentence = "is not set, but BRAND_LOGO_URL is; expected the name that people read where the logo is not shown";
            reader.problem("BRAND_NAME", sentence.to_owned());
        }
        Self { name, logo_url, color: read_color(reader) }
    }
}

/// Mail programs show pictures from https alone, some through a proxy. Everyone would read a password in it.
fn https_address(value: &str) -> Option<String> {
    let url = Url::parse(value).ok()?;
    (url.scheme() == "https" && !names_user(&url) && url.as_str().len() <= URL_MAX).then(|| url.into())
}

/// A colour that can be seen on the white of a mail.
fn read_color(reader: &mut Reader<'_>) -> Option<Color> {
    let expected = "a colour as #rrggbb, such as #0a7d55";
    let color = reader.parsed("BRAND_COLOR", expected, Color::parse)?;
    let contrast = color.contrast(Color::WHITE);
    if contrast >= LARGE_CONTRAST {
        return Some(color);
    }
    let darker = color.with_contrast(LARGE_CONTRAST, Color::WHITE);
    let sentence = format!(
        "is {color}, which is too light for a button on white (contrast {contrast:.1}:1); \
         expected at least 3:1, such as {darker}"
    );
    reader.problem("BRAND_COLOR", sentence);
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, value: &str) -> Result<Brand, String> {
        let set = [("BRAND_NAME", "Berlin Events"), (name, value)];
        let lookup = |wanted: &str| {
            set.iter().rev().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned())
        };
        let mut reader = Reader::new(&lookup);
        let brand = Brand::read(&mut reader);
        reader.finish().map(|()| brand).map_err(|errors| errors.problems()[0].to_string())
    }

    #[test]
    fn a_colour_is_dark_enough_for_white() {
        assert_eq!(read("BRAND_COLOR", "#0A7D55").unwrap().color, Color::parse("#0a7d55"));
        for (value, expected) in [
            (
                "#ffffff",
                "BRAND_COLOR is #ffffff, which is too light for a button on white (contrast 1.0:1); expected at least 3:1, \
                 such as #939393",
            ),
            (
                "#fc0",
                "BRAND_COLOR is #ffcc00, which is too light for a button on white (contrast 1.5:1); expected at least 3:1, \
                 such as #b59000",
            ),
            ("green", "BRAND_COLOR is \"green\"; expected a colour as #rrggbb, such as #0a7d55"),
            ("#12345", "BRAND_COLOR is \"#12345\"; expected a colour as #rrggbb, such as #0a7d55"),
        ] {
            assert_eq!(read("BRAND_COLOR", value).unwrap_err(), expected);
        }
    }

    #[test]
    fn a_logo_comes_by_https_and_has_a_name() {
        let logo = read("BRAND_LOGO_URL", "https://example.org/logo 1.png").unwrap().logo_url;
        assert_eq!(logo.as_deref(), Some("https://example.org/logo%201.png"));
        let long = format!("https://example.org/{}", "x".repeat(URL_MAX));
        for wrong in [
            "http://example.org/logo.png",
            "logo.png",
            "data:image/png;base64,AA",
            "javascript:1",
            "https://ann:secret@example.org/logo.png",
            &long,
        ] {
            let problem = read("BRAND_LOGO_URL", wrong).unwrap_err();
            let expected =
                "expected an address that begins with https://, without a user name, of at most 500 bytes";
            assert!(problem.ends_with(expected) && !problem.contains("secret"), "{problem}");
        }
        let lookup = |name: &str| (name == "BRAND_LOGO_URL").then(|| "https://example.org/l.png".to_owned());
        let mut reader = Reader::new(&lookup);
        Brand::read(&mut reader);
        let problem = reader.finish().unwrap_err().problems()[0].to_string();
        assert!(
            problem.starts_with("BRAND_NAME is not set, but BRAND_LOGO_URL is; expected the name"),
            "{problem}"
        );
    }

    #[test]
    fn a_name_is_short_and_on_one_line() {
        for wrong in ["Berlin\nEvents", &"x".repeat(NAME_MAX + 1)] {
            let problem = read("BRAND_NAME", wrong).unwrap_err();
            assert!(problem.ends_with("; expected text on one line, of at most 75 characters"), "{problem}");
        }
    }
}
