//! The place of a participant as structured data (JSON-LD, `EventReservation` of schema.org), of which Gmail can make a card. Most of
//! it is written once for a notification; the number and the name are the participant's.

use serde_json::{Map, Value, json};

use crate::content::local_span::Local;
use crate::domain::event::{DateOrTime, Event};
use crate::domain::kind::Kind;
use crate::domain::time_zone::TimeZone;

/// What is the same for all participants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reservation {
    /// The members behind the participant's, and the end.
    shared: String,
}

impl Reservation {
    /// That of an event with this title and this place. `None` without a start or without a place: the smallest example that Gmail's
    /// reference has (developers.google.com/workspace/gmail/markup/reference/event-reservation) has both.
    pub fn of(
        kind: Kind,
        event: &Event,
        title: &str,
        location: Option<&str>,
        join_url: Option<&str>,
    ) -> Option<Self> {
        let status = if kind == Kind::Cancelled { "ReservationCancelled" } else { "ReservationConfirmed" };
        let location = match (join_url, location) {
            (Some(url), _) => json!({ "@type": "VirtualLocation", "url": url }),
            (None, location) => json!({ "@type": "Place", "name": location?, "address": location? }),
        };
        let zone = event.zone();
        let mut about = Map::new();
        about.insert("@type".to_owned(), "Event".into());
        about.insert("name".to_owned(), title.into());
        about.insert("startDate".to_owned(), moment(event.starts_at?, zone)?);
        if let Some(end) = event.ends_at.and_then(|end| moment(end, zone)) {
            about.insert("endDate".to_owned(), end);
        }
        about.insert("location".to_owned(), location);
        let members =
            json!({ "reservationStatus": format!("http://schema.org/{status}"), "reservationFor": about });
        let members = serde_json::to_string_pretty(&members).ok()?;
        Some(Self { shared: in_html(members.strip_prefix('{')?) })
    }

    /// The data for one participant, to stand in `<script type="application/ld+json">`.
    pub fn of_participant(&self, id: i64, name: &str) -> String {
        let under_name = match name {
            "" => String::new(),
            name => format!(
                "\"underName\": {{ \"@type\": \"Person\", \"name\": {} }},\n  ",
                in_html(&Value::from(name).to_string())
            ),
        };
        let Self { shared } = self;
        format!(
            "{{\n  \"@context\": \"http://schema.org\",\n  \"@type\": \"EventReservation\",\n  \"reservationNumber\": \"{id}\",\n  {under_name}{}",
            shared.trim_start()
        )
    }
}

/// As ISO 8601 writes it, with the offset of the zone.
fn moment(moment: DateOrTime, zone: TimeZone) -> Option<Value> {
    let Local { date, clock } = Local::of(moment, zone)?;
    Some(clock.map_or_else(|| date.to_string(), |clock| clock.to_rfc3339()).into())
}

/// JSON in which nothing ends the script around it. These characters occur within texts only.
fn in_html(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' => escaped.push_str("\\u003c"),
            '>' => escaped.push_str("\\u003e"),
            '&' => escaped.push_str("\\u0026"),
            '\u{2028}' => escaped.push_str("\\u2028"),
            '\u{2029}' => escaped.push_str("\\u2029"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::sample;

    #[test]
    fn a_reservation_has_what_gmail_wants() {
        let event = sample::full();
        let reservation =
            Reservation::of(Kind::Updated, &event, &event.title, event.location.as_deref(), None).unwrap();
        insta::assert_snapshot!(reservation.of_participant(7, "Ada Lovelace"), @r#"
        {
          "@context": "http://schema.org",
          "@type": "EventReservation",
          "reservationNumber": "7",
          "underName": { "@type": "Person", "name": "Ada Lovelace" },
          "reservationFor": {
            "@type": "Event",
            "endDate": "2026-12-24T20:00:00+01:00",
            "location": {
              "@type": "Place",
              "address": "St. Michael's Hall, Linden Street 7, Berlin",
              "name": "St. Michael's Hall, Linden Street 7, Berlin"
            },
            "name": "Winter Lights Concert",
            "startDate": "2026-12-24T18:00:00+01:00"
          },
          "reservationStatus": "http://schema.org/ReservationConfirmed"
        }
        "#);
    }

    #[test]
    fn nothing_ends_the_script_and_everything_is_kept() {
        let (title, name) = ("</script><!-- & \u{2028}\"", "\\</SCRIPT>\"");
        let reservation = Reservation::of(
            Kind::Cancelled,
            &sample::full(),
            title,
            Some("here"),
            Some("https://zoom.us/j/1"),
        )
        .unwrap();
        let text = reservation.of_participant(1, name);
        assert!(!text.contains(['<', '>', '&']), "{text}");
        let json: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&json["reservationFor"]["name"], &json["underName"]["name"]),
            (&title.into(), &name.into())
        );
        assert_eq!(json["reservationStatus"], "http://schema.org/ReservationCancelled");
        assert_eq!(json["reservationFor"]["location"]["url"], "https://zoom.us/j/1");
        assert!(
            serde_json::from_str::<Value>(&reservation.of_participant(1, ""))
                .unwrap()
                .get("underName")
                .is_none()
        );
    }

    #[test]
    fn without_a_time_or_a_place_there_is_none() {
        let event = sample::bare();
        assert_eq!(Reservation::of(Kind::Created, &event, "x", Some("here"), None), None);
        assert_eq!(Reservation::of(Kind::Created, &sample::full(), "x", None, None), None);
    }
}
