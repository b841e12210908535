//! What templates see of the sender: brand, contact, postal address and footer text. The same for all mails.

use tera::Value;

use crate::config::content::ContentConfig;
use crate::config::content::brand::Brand;
use crate::config::content::contact::Contact;
use crate::content::layout;
use crate::content::rich_text::target::mailto;
use crate::content::rich_text::{RichText, phone};
use crate::content::view::map;
use crate::text::clean::one_line;
use crate::text::color::{Color, TEXT_CONTRAST};

/// The fields of `brand`.
pub(crate) const BRAND: [&str; 6] = ["name", "logo_url", "color", "text_color", "link_color", "dark_color"];

/// What the built-in frame has behind text: the page, which is darker than the card, and in dark mode the box of the facts, which
/// is lighter than the card.
const PAGE: Color = Color { channels: [0xee, 0xf1, 0xf6] };
pub(crate) const DARK_PANEL: Color = Color { channels: [0x1f, 0x25, 0x30] };

/// The variables of the sender.
pub(crate) fn variables(config: &ContentConfig) -> [(&'static str, Value); 7] {
    let footer_text = layout::paragraphs(config.footer_text.as_deref().unwrap_or_default());
    [
        ("brand", brand(&config.brand)),
        ("contact", config.contact.as_ref().map(contact).into()),
        ("contact_url", config.contact.as_ref().and_then(contact_url).into()),
        ("takes_replies", config.takes_replies.into()),
        ("postal_address", config.postal_address.as_deref().map(postal_address).into()),
        ("footer_text_html", Value::safe_string(&RichText::plain(&footer_text).to_inline_html())),
        ("footer_text", footer_text.into()),
    ]
}

/// What texts may say of the sender. Empty where it is not set.
#[derive(Debug, Default)]
pub(crate) struct Sender {
    /// The name of the brand.
    pub brand: String,
    /// Whom people ask.
    pub contact: String,
}

impl Sender {
    /// From the configuration.
    pub fn new(config: &ContentConfig) -> Self {
        Self {
            brand: one_line(config.brand.name.as_deref().unwrap_or_default()),
            contact: config.contact.as_ref().map(contact).unwrap_or_default(),
        }
    }
}

fn brand(brand: &Brand) -> Value {
    let color = |form: fn(Color) -> Color| brand.color.map(|color| form(color).to_string()).into();
    map([
        ("name", brand.name.as_deref().map(one_line).into()),
        ("logo_url", brand.logo_url.clone().into()),
        ("color", color(|color| color)),
        ("text_color", color(Color::text_color)),
        ("link_color", color(|color| color.with_contrast(TEXT_CONTRAST, PAGE))),
        ("dark_color", color(|color| color.with_contrast(TEXT_CONTRAST, DARK_PANEL))),
    ])
}

fn contact(contact: &Contact) -> String {
    let (Contact::Address(text) | Contact::Url(text) | Contact::Text(text)) = contact;
    one_line(text)
}

/// Where a click on the contact leads to.
fn contact_url(contact: &Contact) -> Option<String> {
    match contact {
        Contact::Address(address) => Some(mailto(address)),
        Contact::Url(url) => Some(url.clone()),
        Contact::Text(text) => phone_url(text),
    }
}

/// That of the phone number in it, if there is one and no other.
fn phone_url(text: &str) -> Option<String> {
    let mut numbers = Vec::new();
    phone::find(text, 0..text.len(), &mut numbers);
    let number = numbers.pop()?;
    numbers.is_empty().then_some(number.href)
}

/// Its lines on one.
fn postal_address(address: &str) -> String {
    let lines = address.lines().map(|line| one_line(line).trim_end_matches(',').to_owned());
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(config: &ContentConfig) -> impl Fn(&str) -> String + use<> {
        let variables = variables(config);
        move |name| {
            let (name, field) = name.split_once('.').unwrap_or((name, ""));
            let value = &variables.iter().find(|(known, _)| *known == name).unwrap().1;
            let field = value.as_map().and_then(|map| map.iter().find(|(key, _)| key.to_string() == field));
            field.map_or(value, |(_, value)| value).to_string()
        }
    }

    #[test]
    fn the_list_names_all_fields() {
        let mut names: Vec<String> =
            brand(&Brand::default()).as_map().unwrap().keys().map(ToString::to_string).collect();
        names.sort();
        let mut expected = BRAND.map(str::to_owned);
        expected.sort();
        assert_eq!(names, expected);
    }

    #[test]
    fn colours_follow_from_that_of_the_brand() {
        for (color, expected) in [
            ("#3b3fc4", ["#3b3fc4", "#ffffff", "#3b3fc4", "#8184d9"]),
            ("#b28e00", ["#b28e00", "#000000", "#856a00", "#b28e00"]),
            ("#000000", ["#000000", "#ffffff", "#000000", "#8c8c8c"]),
        ] {
            let brand = Brand { color: Color::parse(color), ..Brand::default() };
            let value = values(&ContentConfig { brand, ..ContentConfig::default() });
            let names = ["brand.color", "brand.text_color", "brand.link_color", "brand.dark_color"];
            assert_eq!(names.map(value), expected);
        }
    }

    #[test]
    fn a_contact_is_a_link_where_it_can_be() {
        for (contact, url) in [
            (
                Contact::Address("o'neil&co?x=%@example.org".to_owned()),
                "mailto:o'neil%26co%3Fx%3D%25@example.org",
            ),
            (Contact::Url("https://example.org/help".to_owned()), "https://example.org/help"),
            (Contact::Text("+49 30 123".to_owned()), ""),
            (Contact::Text("+49 (0)30 1234567".to_owned()), "tel:+49301234567"),
            (Contact::Text("Ann, 0044 20 7946 0000, 9 to 5".to_owned()), "tel:+442079460000"),
            (Contact::Text("+49 30 1234567 or +49 30 7654321".to_owned()), ""),
            (Contact::Text("the ticket office".to_owned()), ""),
        ] {
            let value = values(&ContentConfig { contact: Some(contact), ..ContentConfig::default() });
            assert_eq!(value("contact_url"), url);
        }
    }

    #[test]
    fn texts_are_cleaned() {
        let text = |text: &str| Some(text.to_owned());
        let value = values(&ContentConfig {
            postal_address: text("Berlin Events e.V.,\r\n Musterstraße 1\n\n10115 \u{202e}Berlin"),
            footer_text: text("<b>One</b>\u{7}\r\ntwo"),
            ..ContentConfig::default()
        });
        assert_eq!(value("postal_address"), "Berlin Events e.V., Musterstraße 1, 10115 Berlin");
        assert_eq!(value("footer_text"), "<b>One</b>\ntwo");
        assert_eq!(value("footer_text_html"), "&lt;b&gt;One&lt;/b&gt;<br>\ntwo");
    }
}
