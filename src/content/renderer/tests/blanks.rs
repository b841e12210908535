//! Mails that are rendered once and filled in are as if each were rendered.

use super::*;

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
    let people = [sample::ada(), sample::nameless(), sample::hostile_name(), sample::link_name()];
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
