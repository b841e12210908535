//! `MAP_URL`: where the map of a place is.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use crate::text::links::names_user;

/// What stands for the place.
const PLACE: &str = "{place}";

/// What does not stand for itself in an address (RFC 3986 section 2.3).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Opens the map program of phones, and finds a place by its name and its address.
const DEFAULT: &str = "https://www.google.com/maps/search/?api=1&query={place}";

/// What the variable may be.
pub const EXPECTED: &str = "an address that begins with https:// and has {place} behind its host, such as \
                            https://www.openstreetmap.org/search?query={place}; or off";

/// The address of a map with a placeholder for the place; none where mails have no links to maps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapUrl(Option<String>);

impl Default for MapUrl {
    fn default() -> Self {
        Self(Some(DEFAULT.to_owned()))
    }
}

impl MapUrl {
    /// Reads an https address with `{place}` behind its host, or `off`.
    #[must_use]
    pub fn parse(template: &str) -> Option<Self> {
        if template.eq_ignore_ascii_case("off") {
            return Some(Self(None));
        }
        let (before, _) = template.split_once(PLACE)?;
        let is_link = |url: Url| url.scheme() == "https" && url.has_host() && !names_user(&url);
        let is_https = |text: &str| Url::parse(text).is_ok_and(is_link);
        // The host is complete before the place begins.
        let behind_host = before.splitn(4, '/').count() == 4;
        (behind_host && is_https(before) && is_https(&template.replace(PLACE, "x")))
            .then(|| Self(Some(template.to_owned())))
    }

    /// The address of the map of this place.
    #[must_use]
    pub fn of(&self, place: &str) -> Option<String> {
        let encoded = || utf8_percent_encode(place, ENCODED).to_string();
        self.0.as_ref().map(|template| template.replace(PLACE, &encoded()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_https_and_has_the_place_behind_its_host() {
        let map = MapUrl::parse("https://maps.example/find/{place}?q={place}").unwrap();
        assert_eq!(
            map.of("St. A & Bé").unwrap(),
            "https://maps.example/find/St.%20A%20%26%20B%C3%A9?q=St.%20A%20%26%20B%C3%A9"
        );
        assert_eq!(MapUrl::parse(DEFAULT), Some(MapUrl::default()));
        assert_eq!(MapUrl::parse("Off").unwrap().of("here"), None);
        for template in [
            "",
            "{place}",
            "https://maps.example/",
            "http://maps.example/{place}",
            "https://{place}",
            "https://{place}/x",
            "https://maps.example?q={place}",
            "https://ann:secret@maps.example/{place}",
            "javascript:{place}",
            "maps.example/{place}",
        ] {
            assert_eq!(MapUrl::parse(template), None, "{template}");
        }
    }
}
