//! The page in all languages, with titles that look like HTML, and in the colour of a brand.

use super::*;
use crate::config::content::brand::Brand;
use crate::content::sample;
use crate::domain::event::Event;

fn pages(config: &ContentConfig) -> UnsubscribePages {
    UnsubscribePages::new(&Templates::load(config).unwrap()).unwrap()
}

fn page(
    event: Option<Event>,
    choices: &[(UnsubscribeChoice, ChoiceState)],
    made: Option<ChoiceMade>,
) -> ChoicePage {
    ChoicePage { kind: Kind::Updated, event, choices: choices.to_vec(), made }
}

fn shown(page: &ChoicePage, locale: &str) -> String {
    let preferred = PreferredLanguage { locale: Some(locale), accept_language: None };
    pages(&ContentConfig::default()).choices(page, preferred).unwrap()
}

const ALL_WANTED: [(UnsubscribeChoice, ChoiceState); 3] = [
    (UnsubscribeChoice::Event, ChoiceState::Wanted),
    (UnsubscribeChoice::Kind, ChoiceState::Wanted),
    (UnsubscribeChoice::All, ChoiceState::Wanted),
];

#[test]
fn every_choice_is_a_form_of_its_own_and_nothing_is_loaded() {
    let html = shown(&page(Some(sample::full()), &ALL_WANTED, None), "en");
    assert_eq!(html.matches("<form method=\"post\">").count(), 3);
    assert_eq!(html.matches("value=\"stop\"").count(), 3);
    for word in
        ["value=\"event\"", "value=\"kind\"", "value=\"all\"", "Winter Lights Concert", "Changes to events"]
    {
        assert!(html.contains(word), "{word}: {html}");
    }
    for word in ["<script", "src=", "href=", "http"] {
        assert!(!html.contains(word), "{word}: {html}");
    }
    assert!(html.contains("<html lang=\"en\" dir=\"ltr\">"));
}

#[test]
fn what_is_stopped_can_be_undone_unless_another_reason_has_stopped_it() {
    let choices = [
        (UnsubscribeChoice::All, ChoiceState::Stopped),
        (UnsubscribeChoice::Cancellations, ChoiceState::Blocked),
    ];
    let html = shown(&page(None, &choices, Some(ChoiceMade::Stopped)), "en");
    assert_eq!((html.matches("<form").count(), html.matches("value=\"resume\"").count()), (1, 1));
    assert!(html.contains("role=\"status\""));
    assert!(!html.contains("told all the same"), "{html}");
}

#[test]
fn every_language_has_its_own_words() {
    let mut seen = Vec::new();
    for language in ["en", "de", "fr", "es"] {
        let html = shown(&page(None, &ALL_WANTED, Some(ChoiceMade::Resumed)), language);
        assert!(html.contains(&format!("<html lang=\"{language}\"")), "{html}");
        assert!(!html.contains("<span lang"), "a text is missing: {html}");
        let heading = html.split("<h1>").nth(1).unwrap().split("</h1>").next().unwrap().to_owned();
        assert!(!heading.is_empty() && !seen.contains(&heading), "{heading}");
        seen.push(heading);
    }
}

#[test]
fn titles_are_shown_literally() {
    let html = shown(&page(Some(sample::hostile()), &ALL_WANTED, None), "de");
    assert!(html.contains("&lt;script&gt;") && !html.contains("<script"), "{html}");
}

#[test]
fn refusals_are_there_in_every_language_and_say_what_to_do() {
    let pages = pages(&ContentConfig::default());
    for refusal in [PageRefusal::BadLink, PageRefusal::Unavailable] {
        for accept_language in [None, Some("de"), Some("ja"), Some("es-MX,es;q=0.9")] {
            let html = pages.refusal(refusal, PreferredLanguage { locale: None, accept_language });
            assert!(
                html.contains("<h1>") && html.contains("role=\"status\"") && !html.contains("<form"),
                "{html}"
            );
        }
    }
}

#[test]
fn the_style_has_the_colour_of_the_brand_and_is_the_one_that_its_hash_allows() {
    let brand =
        Brand { name: Some("Lantern <b>".to_owned()), color: Color::parse("#b28e00"), ..Brand::default() };
    let pages = pages(&ContentConfig { brand, ..ContentConfig::default() });
    let html = pages.choices(&page(None, &ALL_WANTED, None), PreferredLanguage::default()).unwrap();
    let style = html.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
    assert_eq!(STANDARD.encode(sha256(style.as_bytes())), pages.style_hash());
    assert!(!style.contains("ACCENT"), "{style}");
    assert!(html.contains("<bdi>Lantern &lt;b&gt;</bdi>"), "{html}");
    for color in style.split("--accent: ").skip(1).map(|rest| Color::parse(&rest[..7]).unwrap()) {
        assert!(color.contrast(Color::WHITE) >= TEXT_CONTRAST || color.contrast(DARK_PANEL) >= TEXT_CONTRAST);
    }
}
