//! What the mails of UPDATED say about what has changed.

use super::*;
use crate::domain::event_snapshot::EventSnapshot;
use crate::domain::times;

/// The mail about this event to people who were told the other one.
fn updated(earlier: &Event, event: &Event) -> Content {
    let templates = Templates::load(&ContentConfig::default()).unwrap();
    let facts = NotificationFacts {
        previous: Some(EventSnapshot::of(earlier)),
        ..NotificationFacts::of_event(Kind::Updated, event.clone())
    };
    let context = templates.notification_context_at(&facts, sample::now()).unwrap();
    templates.render(&context, &sample::ada()).unwrap()
}

fn changed(change: impl Fn(&mut Event)) -> Content {
    let mut event = sample::full();
    change(&mut event);
    updated(&sample::full(), &event)
}

#[test]
fn a_mail_says_what_is_new_and_what_was() {
    let mail = updated(&sample::earlier(), &sample::full());
    assert_eq!(mail.subject, "Moved to Thu 24 Dec, 18:00: Winter Lights Concert");
    let (text, html) = (mail.text(MediaType::Plain), mail.text(MediaType::Html));
    for words in [
        "New time and new place.",
        "    Thursday, 24 December 2026, 18:00 to 20:00 (Berlin time, UTC+1)\n    was: 17:00 to 19:00 (Berlin time, UTC+1)\n",
        "    was: The old town hall, Market Square 1, Berlin\n",
    ] {
        assert!(text.contains(words), "{words:?} is missing: {text}");
    }
    assert!(!text.contains("Details of"), "{text}");
    for words in ["New time and new place.", "<s><bdi>17:00 to 19:00 (Berlin time, UTC+1)</bdi></s>"] {
        assert!(html.contains(words), "{words:?} is missing: {html}");
    }
}

#[test]
fn the_subject_says_the_most_important_change() {
    let subject = |change: fn(&mut Event)| changed(change).subject;
    assert_eq!(
        subject(|event| event.starts_at = times::parse("2026-12-25")),
        "Moved to Fri 25 Dec: Winter Lights Concert"
    );
    // The start is the same.
    for change in [(|event| event.ends_at = times::parse("2026-12-24 21:00")) as fn(&mut Event), |event| {
        event.ends_at = None;
    }] {
        assert_eq!(subject(change), "New time: Winter Lights Concert (Thu 24 Dec)");
    }
    let days = |end| Event { ends_at: times::parse(end), ..sample::all_day() };
    let mail = updated(&days("2026-12-25"), &days("2026-12-26"));
    assert!(
        mail.subject.starts_with("New date: ") && mail.subject.ends_with(" (Thu 24 Dec)"),
        "{}",
        mail.subject
    );
    let mail = updated(&sample::bare(), &Event { title: sample::bare().title, ..sample::full() });
    assert_eq!(mail.subject, "New date: Summer party (Thu 24 Dec)");
    assert_eq!(subject(|event| event.location = Some("Park".to_owned())), "New place: Winter Lights Concert");
    assert_eq!(subject(|event| event.title = "A ball".to_owned()), "New title: A ball");
    for change in [
        (|event| event.description = None) as fn(&mut Event),
        |event| event.url = None,
        |event| event.location = None,
        |event| event.timezone = "Europe/Paris".to_owned(),
        |event| event.timezone = "Europe/London".to_owned(),
    ] {
        assert_eq!(subject(change), "Updated: Winter Lights Concert (Thu 24 Dec)");
    }
    assert_eq!(subject(|event| event.starts_at = None), "Updated: Winter Lights Concert");
    // Neither is a new title or place what people have to know, if the time is not fixed any more.
    assert_eq!(updated(&sample::full(), &sample::bare()).subject, "Updated: Summer party");
}

#[test]
fn an_old_title_stands_at_the_new_one() {
    let mail = changed(|event| {
        event.title = "A ball".to_owned();
        event.location = Some("The park".to_owned());
    });
    let text = mail.text(MediaType::Plain);
    assert!(
        text.contains("New place and new title.\n\n    A ball\n    was: Winter Lights Concert\n"),
        "{text}"
    );
    let html = mail.text(MediaType::Html);
    let [heading, old, sentence] =
        ["A ball\n</h1>", "was: <s><bdi>Winter Lights Concert</bdi></s>", "New place and new title."]
            .map(|part| html.rfind(part));
    assert!(heading.is_some() && heading < old && old < sentence, "{html}");
}

#[test]
fn what_is_not_there_any_more_is_struck() {
    let mail = updated(&sample::full(), &sample::bare());
    let text = mail.text(MediaType::Plain);
    for words in [
        "The time is not fixed any more. The place is not fixed any more.",
        "title. There is no web page any more. There is no description any more.",
        "was: Winter Lights Concert",
        "was: Thursday, 24 December 2026, 18:00",
        "was: St. Michael's Hall",
    ] {
        assert!(text.contains(words), "{words:?} is missing: {text}");
    }
}

#[test]
fn old_values_are_escaped_and_cleaned() {
    let mail = updated(&sample::hostile(), &sample::full());
    let html = mail.text(MediaType::Html);
    assert!(!html.contains("<script>") && html.contains("<s><bdi>&lt;script&gt;"), "{html}");
    let text = mail.text(MediaType::Plain);
    assert!(text.contains("was: Café \"Ecke\", Höchst & Söhne <1>"), "{text}");
    assert!(!text.lines().any(|line| line.starts_with("Bcc:")), "{text}");
}

#[test]
fn a_mail_without_changes_is_as_before() {
    let same = updated(&sample::full(), &sample::full());
    assert_eq!(same, render(Kind::Updated, &sample::full(), &sample::ada()));
    assert!(same.text(MediaType::Plain).contains("Details of this event have changed."));
}
