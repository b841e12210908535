//! The order of what a mail shows, and what it shows of the sender.

use super::*;
use crate::config::content::brand::Brand;
use crate::config::content::calendar::CalendarMode;
use crate::config::content::contact::Contact;
use crate::domain::times;
use crate::text::color::Color;

/// A part of the place of the sample that HTML shows as it is.
const PLACE: &str = "Linden Street 7, Berlin";

fn branded() -> ContentConfig {
    ContentConfig {
        brand: Brand {
            name: Some("Berlin <Events>".to_owned()),
            logo_url: Some("https://example.org/logo.png?a=1&b=2".to_owned()),
            color: Color::parse("#b59000"),
        },
        contact: Some(Contact::Address("hello@example.org".to_owned())),
        takes_replies: true,
        postal_address: Some("Musterstraße 1\n10115 Berlin".to_owned()),
        footer_text: Some("Doors open <b>early</b>.\nBring a friend.".to_owned()),
        ..ContentConfig::default()
    }
}

fn render_with(config: &ContentConfig, kind: Kind) -> Content {
    let templates = Templates::load(config).unwrap();
    templates.render(&context_of(&templates, kind, &sample::full()), &sample::ada()).unwrap()
}

/// What is visible of the HTML part.
fn body(mail: &Content) -> &str {
    let html = mail.text(MediaType::Html);
    html.split_once("<table").unwrap().1
}

#[track_caller]
fn assert_in_order(text: &str, pieces: &[&str]) {
    let mut rest = text;
    for piece in pieces {
        rest = rest.split_once(piece).unwrap_or_else(|| panic!("{piece:?} is not in its place: {text}")).1;
    }
}

#[test]
fn facts_come_first_then_the_button_then_the_description() {
    for kind in [Kind::Created, Kind::Updated, Kind::Reminder] {
        let mail = render(kind, &sample::full(), &sample::ada());
        assert_in_order(body(&mail), &["<h1", "24 December 2026", PLACE, "View the event", "<h2", "carols"]);
        let url = sample::full().url.unwrap();
        assert_in_order(mail.text(MediaType::Plain), &["24 December 2026", PLACE, &url, "carols"]);
    }
}

#[test]
fn the_title_stands_once() {
    for kind in Kind::OF_EVENTS {
        let mail = render(kind, &sample::full(), &sample::ada());
        let title = sample::full().title;
        assert_eq!(body(&mail).matches(&title).count(), 1, "{kind}");
        assert_eq!(mail.text(MediaType::Plain).matches(&title).count(), 1, "{kind}");
    }
}

#[test]
fn the_preheader_has_the_facts_and_keeps_the_rest_out() {
    let mail = render(Kind::Created, &sample::full(), &sample::ada());
    let (_, from) = mail.text(MediaType::Html).split_once("mso-hide:all\">").unwrap();
    let (preheader, _) = from.split_once("</div>").unwrap();
    assert_in_order(preheader, &["Thursday, 24 December 2026", PLACE, "&zwnj;&nbsp;"]);
    assert!(preheader.matches("&nbsp;").count() >= 60 && !preheader.contains("register"), "{preheader}");
}

#[test]
fn what_is_cancelled_is_struck_and_has_no_colour_of_the_brand() {
    for config in [ContentConfig::default(), branded()] {
        let mail = render_with(&config, Kind::Cancelled);
        assert_eq!(body(&mail).matches("line-through").count(), 3, "leaf, time and place");
        assert!(!mail.text(MediaType::Html).contains("#b59000"));
    }
}

#[test]
fn a_cancellation_has_no_link_to_join_and_says_so_if_the_event_is_past() {
    let mut event = Event { location: Some("https://zoom.us/j/1".to_owned()), ..sample::full() };
    let parts = |event: &Event| {
        let mail = render(Kind::Cancelled, event, &sample::ada());
        [MediaType::Plain, MediaType::Html].map(|part| mail.text(part).to_owned())
    };
    for part in parts(&event) {
        assert!(part.contains("will not take place") && !part.contains("href=\"https://zoom.us"), "{part}");
    }
    (event.starts_at, event.ends_at) = (times::parse("2017-01-05 17:00"), None);
    for part in parts(&event) {
        assert!(part.contains("did not take place") && !part.contains("will not"), "{part}");
    }
}

#[test]
fn links_add_no_second_entry_to_a_calendar() {
    let has_links = |calendar, kind| {
        let config = ContentConfig { calendar, ..ContentConfig::default() };
        render_with(&config, kind).text(MediaType::Html).contains("calendar.google.com")
    };
    for (calendar, expected) in [
        (CalendarMode::Request, [true, false, false, false]),
        (CalendarMode::Publish, [true, true, true, false]),
        (CalendarMode::Off, [false; 4]),
    ] {
        let kinds = [Kind::Created, Kind::Updated, Kind::Reminder, Kind::Cancelled];
        assert_eq!(kinds.map(|kind| has_links(calendar, kind)), expected, "{calendar:?}");
    }
}

#[test]
fn a_mail_shows_whose_it_is() {
    let mail = render_with(&branded(), Kind::Created);
    let html = mail.text(MediaType::Html);
    assert_in_order(
        body(&mail),
        &[
            "<img src=\"https://example.org/logo.png?a=1&amp;b=2\"\n alt=\"Berlin &lt;Events&gt;\"",
            "Questions? Reply to this mail.",
            " href=\"mailto:hello@example.org\"\n style=\"color:#856a00\"><bdi>hello@example.org</bdi></a>",
            "Doors open &lt;b&gt;early&lt;/b&gt;.<br>\nBring a friend.",
            "Berlin &lt;Events&gt;",
            "Musterstraße 1, 10115 Berlin",
        ],
    );
    for expected in ["background:#b59000", "color:#000000", ".mark { color: #b59000 !important }"] {
        assert!(html.contains(expected), "{expected}: {html}");
    }
    assert!(!html.contains("#04724d") && !html.contains("sent automatically"));
    let text = "Questions? Reply to this mail. Contact: hello@example.org\n\n\
                You get this mail because you are registered for this event.\n\n\
                Doors open <b>early</b>.\nBring a friend.\n\nBerlin <Events>\nMusterstraße 1, 10115 Berlin\n";
    assert!(mail.text(MediaType::Plain).ends_with(text), "{}", mail.text(MediaType::Plain));
}

#[test]
fn an_address_that_begins_with_the_name_says_it_once() {
    let footer = |address: &str| {
        let mail = render_with(
            &ContentConfig { postal_address: Some(address.to_owned()), ..branded() },
            Kind::Created,
        );
        let html = mail.text(MediaType::Html).rsplit_once("Bring a friend.").unwrap().1.to_owned();
        let text = mail.text(MediaType::Plain).rsplit_once("Bring a friend.\n\n").unwrap().1.to_owned();
        (html.matches("Berlin &lt;Events&gt;").count(), text)
    };
    for (address, times, text) in [
        ("Berlin <Events>\nLinden Street 7", 1, "Berlin <Events>, Linden Street 7\n"),
        ("Berlin <Events> GmbH, Linden Street 7", 1, "Berlin <Events> GmbH, Linden Street 7\n"),
        ("Berlin <Events>street 7", 2, "Berlin <Events>\nBerlin <Events>street 7\n"),
    ] {
        assert_eq!(footer(address), (times, text.to_owned()));
    }
}

#[test]
fn without_a_brand_there_is_no_trace_of_one() {
    let mail = render(Kind::Created, &sample::full(), &sample::ada());
    for absent in ["<img", "Contact", "Questions", "class=\"sender", "<strong><bdi></bdi>"] {
        assert!(!mail.text(MediaType::Html).contains(absent), "{absent}");
    }
}

#[test]
fn the_leaf_shows_the_first_and_the_last_day() {
    let leaf = |end: &str| {
        let event = Event { ends_at: times::parse(end), ..sample::all_day() };
        let mail = render(Kind::Created, &event, &sample::ada());
        let (_, leaf) = body(&mail).split_once("class=\"month\"").unwrap();
        let leaf = leaf.split_once("</table>").unwrap().0.to_owned();
        leaf.split("</td>")
            .filter_map(|cell| Some(cell.rsplit_once('>')?.1.to_owned()))
            .take(2)
            .collect::<Vec<_>>()
    };
    assert_eq!(leaf("2026-12-24"), ["Dec", "24"]);
    assert_eq!(leaf("2026-12-27"), ["Dec", "24&ndash;27"]);
    assert_eq!(leaf("2027-01-02"), ["Dec&ndash;Jan", "24&ndash;2"]);
}
