//! What the place of an event is: an address on a map, a meeting on the web, or neither. Conservative: a wrong button is worse than
//! none.

use url::Url;

use crate::config::content::map_url::MapUrl;
use crate::content::rich_text::Found;
use crate::content::rich_text::links::find;
use crate::text::domain_name::is_same_or_below;

/// Where the buttons of a place lead to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// The meeting on the web.
    pub join_url: Option<String>,
    /// The place on a map.
    pub map_url: Option<String>,
}

/// Services for meetings: an address there is one, whatever stands beside it.
const MEETINGS: [&str; 14] = [
    "zoom.us",
    "zoomgov.com",
    "meet.google.com",
    "teams.microsoft.com",
    "teams.live.com",
    "webex.com",
    "meet.jit.si",
    "whereby.com",
    "gotomeeting.com",
    "gotowebinar.com",
    "bigbluebutton.org",
    "livestorm.co",
    "discord.gg",
    "skype.com",
];

/// Maps: host, and how the path begins.
const MAPS: [(&str, &str); 6] = [
    ("maps.app.goo.gl", "/"),
    ("goo.gl", "/maps"),
    ("maps.google.com", "/"),
    ("google.com", "/maps"),
    ("openstreetmap.org", "/"),
    ("maps.apple.com", "/"),
];

/// Words of a place that is on no map.
const ONLINE: [&str; 23] = [
    "online",
    "virtual",
    "virtuell",
    "virtuel",
    "remote",
    "zoom",
    "teams",
    "webex",
    "meet",
    "jitsi",
    "skype",
    "webinar",
    "livestream",
    "stream",
    "internet",
    "web",
    "tba",
    "tbd",
    "tbc",
    "phone",
    "telefon",
    "link",
    "join",
];

/// Words of a part of a building: alone, they are on no map.
const ROOMS: [&str; 25] = [
    "room", "raum", "saal", "hörsaal", "aula", "zimmer", "floor", "etage", "stock", "og", "eg", "level",
    "salle", "étage", "sala", "piso", "planta", "track", "stage", "bühne", "table", "tisch", "gate",
    "building", "gebäude",
];

impl Place {
    /// What `location`, on one line, is; `map` makes links to maps.
    pub fn of(location: &str, map: &MapUrl) -> Self {
        let addresses: Vec<Found> =
            find(location).into_iter().filter(|found| found.href.starts_with("http")).collect();
        match &addresses[..] {
            [] if is_address(location) => Self { join_url: None, map_url: map.of(location) },
            [one] => {
                let rest = [&location[..one.range.start], &location[one.range.end..]].concat();
                Self::on_the_web(&one.href, &rest)
            }
            _ => Self::default(),
        }
    }

    /// What the only web address of a place is, with `rest` beside it.
    fn on_the_web(href: &str, rest: &str) -> Self {
        let Some((host, path)) = host_and_path(href) else { return Self::default() };
        let is_at = |known: &str| is_same_or_below(&host, known);
        if MAPS.iter().any(|(known, begin)| is_at(known) && path.starts_with(begin)) {
            return Self { join_url: None, map_url: Some(href.to_owned()) };
        }
        let is_online =
            words(rest).next().is_none() || words(rest).any(|word| ONLINE.contains(&word.as_str()));
        let is_meeting = is_online || MEETINGS.iter().any(|known| is_at(known));
        Self { join_url: is_meeting.then(|| href.to_owned()), map_url: None }
    }
}

fn host_and_path(href: &str) -> Option<(String, String)> {
    let url = Url::parse(href).ok()?;
    let host = url.host_str()?;
    Some((host.strip_prefix("www.").unwrap_or(host).to_owned(), url.path().to_owned()))
}

/// Whether a map could find it: two names with a comma between them, or a name with the number of a house, without words of a place
/// online and beyond those of rooms.
fn is_address(location: &str) -> bool {
    if words(location).any(|word| ONLINE.contains(&word.as_str())) {
        return false;
    }
    let has_letters = |part: &&str| part.chars().filter(|c| c.is_alphabetic()).count() > 1;
    let is_room = |part: &str| words(part).any(|word| ROOMS.contains(&word.as_str()));
    let parts: Vec<&str> = location
        .split([',', ';', '、', '，', '،'])
        .filter(has_letters)
        .filter(|part| !is_room(part))
        .collect();
    match parts[..] {
        [] => false,
        [one] => words(one).any(|word| word.chars().any(|c| c.is_ascii_digit())) && words(one).count() > 1,
        _ => true,
    }
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(location: &str) -> Place {
        Place::of(location, &MapUrl::default())
    }

    #[test]
    fn a_place_with_an_address_is_on_the_map() {
        let off = MapUrl::parse("off").unwrap();
        for location in [
            "St. Michael's Hall, Linden Street 7, Berlin",
            "Linden Street 7",
            "Alexanderplatz, Berlin",
            "Room 5, Rathaus, Hauptstr. 1",
            "Café \"Ecke\", Höchst",
            "東京都渋谷区道玄坂 1-2-3",
        ] {
            let place = of(location);
            assert!(place.map_url.is_some() && place.join_url.is_none(), "{location}");
            assert_eq!(Place::of(location, &off), Place::default(), "MAP_URL=off");
        }
        assert_eq!(
            of("Linden Street 7").map_url.unwrap(),
            "https://www.google.com/maps/search/?api=1&query=Linden%20Street%207"
        );
    }

    #[test]
    fn other_places_are_on_no_map() {
        for location in [
            "",
            "online",
            "Zoom",
            "Online (Zoom, link follows)",
            "tba",
            "TBA, Berlin",
            "Room 5",
            "Room 5, 2nd floor",
            "Garden",
            "7",
            ", ,",
            "Raum 101, 3. Etage",
        ] {
            assert_eq!(of(location), Place::default(), "{location}");
        }
    }

    #[test]
    fn a_meeting_on_the_web_can_be_joined() {
        for (location, url) in [
            ("https://zoom.us/j/1?pwd=x", "https://zoom.us/j/1?pwd=x"),
            ("Zoom: https://us02web.zoom.us/j/1", "https://us02web.zoom.us/j/1"),
            ("online, https://meeting.example.org/a", "https://meeting.example.org/a"),
            ("www.example.org/live", "http://www.example.org/live"),
            ("Hall 2 and https://teams.microsoft.com/l/1", "https://teams.microsoft.com/l/1"),
        ] {
            assert_eq!(of(location), Place { join_url: Some(url.to_owned()), map_url: None }, "{location}");
        }
    }

    #[test]
    fn the_page_of_a_venue_is_no_meeting() {
        for location in [
            "Café Ecke, Lindenstr. 1, https://cafe.example",
            "https://zoom.us/j/1 or https://zoom.us/j/2",
            "https://zoom.us@evil.example/",
            "javascript:alert(1)",
            "Café Ecke www.cafe.example",
        ] {
            assert_eq!(of(location).join_url, None, "{location}");
        }
        assert_eq!(of("https://zoom.us.evil.example/ Hall").join_url, None);
        assert!(of("https://maps.app.goo.gl/abc").map_url.is_some());
        assert!(of("Hall, https://www.openstreetmap.org/node/1").map_url.is_some());
    }
}
