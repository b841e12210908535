//! Mails that are rendered once and filled in are as if each were rendered.

use super::*;
use crate::content::catalogue::built_in_frame;

/// A frame that looks at the participant is rendered for each mail; it says the same.
#[test]
fn filled_mails_are_as_rendered_ones() {
    let dir = tempfile::tempdir().unwrap();
    let sources = Catalogue::read(None, &[]).unwrap().sources;
    for name in ["base.html", "base.txt"] {
        let text = &sources.get(name).unwrap().text;
        fs::write(dir.path().join(name), format!("{text}{{% if participant.id == 0 %}}never{{% endif %}}"))
            .unwrap();
    }
    let filled = Templates::load(&ContentConfig::default()).unwrap();
    let rendered = Templates::load(&ContentConfig::with_templates(dir.path())).unwrap();
    let in_zone = |zone: &str| Participant { timezone: Some(zone.to_owned()), ..sample::ada() };
    let people = [
        sample::ada(),
        sample::nameless(),
        sample::hostile_name(),
        sample::link_name(),
        in_zone("Asia/Tokyo"),
        in_zone("Africa/Porto-Novo"),
        in_zone("Europe/Paris"),
        in_zone("<zone>"),
    ];
    for (kind, locale) in
        Kind::OF_EVENTS.into_iter().flat_map(|kind| ["en", "de", "ar"].map(|locale| (kind, locale)))
    {
        for event in [sample::full(), sample::bare(), sample::hostile(), sample::all_day()] {
            let facts =
                NotificationFacts { details: sample::details(), ..NotificationFacts::of_event(kind, event) };
            let [filled_context, rendered_context] = [&filled, &rendered]
                .map(|templates| templates.notification_context_at(&facts, sample::now()).unwrap());
            for person in &people {
                let person = Participant { locale: Some(locale.to_owned()), ..person.clone() };
                let [one, other] = [
                    filled.render(&filled_context, &person).unwrap(),
                    rendered.render(&rendered_context, &person).unwrap(),
                ];
                assert_eq!(one.subject, other.subject);
                for (one, other) in one.parts.iter().zip(&other.parts) {
                    assert_eq!(one.text, other.text, "{kind} {locale}");
                    assert!(!one.text.contains('\0'), "{}", one.text);
                }
            }
        }
    }
}

/// The built-in templates, and this behind all of the text part.
fn with_text_behind(behind: &str) -> Templates {
    let dir = tempfile::tempdir().unwrap();
    let base = built_in_frame("base.txt").unwrap();
    fs::write(dir.path().join("base.txt"), format!("{base}\n{behind}")).unwrap();
    Templates::load(&ContentConfig::with_templates(dir.path())).unwrap()
}

/// What reads the greeting would read a blank.
#[test]
fn what_reads_the_greeting_is_rendered_for_each_mail() {
    for (behind, expected) in [
        ("{% filter wordcount %}{{ greeting }}{% endfilter %}", "3"),
        ("{%- set hi %}{{ greeting }}{% endset %}{{ hi | length }}", "16"),
        ("{% set hi %}{{ greeting }}{% endset %}{{ hi | truncate(length=6) }}", "Hi Ada…"),
    ] {
        let templates = with_text_behind(behind);
        let facts = NotificationFacts::of_event(Kind::Created, sample::full());
        let context = templates.notification_context(&facts).unwrap();
        let mail = templates.render(&context, &sample::ada()).unwrap();
        assert_eq!(mail.text(MediaType::Plain).lines().last(), Some(expected), "{behind}");
    }
}

/// One could be a blank.
#[test]
fn names_of_fields_have_no_control_characters() {
    let templates = with_text_behind("{% for name, value in metadata %}{{ name }}\n{{ value }}{% endfor %}");
    let metadata = serde_json::json!({ "\0g\0": "value" }).as_object().unwrap().clone();
    let details = MessageDetails { metadata, ..MessageDetails::default() };
    let facts = NotificationFacts { details, ..NotificationFacts::of_event(Kind::Created, sample::full()) };
    let mail = templates.render(&templates.notification_context(&facts).unwrap(), &sample::ada()).unwrap();
    let text = mail.text(MediaType::Plain);
    assert!(text.ends_with("\ng\nvalue\n"), "{text}");
}
