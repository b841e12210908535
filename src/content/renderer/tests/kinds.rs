//! What the mails of each kind say.

use super::*;

#[test]
fn each_kind_has_its_own_wording() {
    let subjects = Kind::OF_EVENTS.map(|kind| render(kind, &sample::full(), &sample::ada()).subject);
    assert_eq!(
        subjects,
        [
            "You're registered: Winter Lights Concert (Thu 24 Dec)",
            "Updated: Winter Lights Concert (Thu 24 Dec)",
            "Cancelled: Winter Lights Concert (Thu 24 Dec)",
            "Reminder: Winter Lights Concert (Thu 24 Dec)",
        ]
    );
    let [created, updated, cancelled, reminder] =
        Kind::OF_EVENTS.map(|kind| render(kind, &sample::full(), &sample::ada()));
    assert!(created.text(MediaType::Plain).contains("You are registered."));
    assert!(updated.text(MediaType::Plain).contains("have changed"));
    assert!(cancelled.text(MediaType::Plain).contains("will not take place"));
    assert!(reminder.text(MediaType::Plain).contains("begins soon"));
    assert!(
        cancelled.text(MediaType::Html).contains("line-through")
            && !updated.text(MediaType::Html).contains("line-through")
    );
}

#[test]
fn what_is_over_does_not_begin_soon_and_what_is_cancelled_is_not_over() {
    let parts = |kind| {
        let mail = render(kind, &sample::edge_cases::past(), &sample::ada());
        [MediaType::Plain, MediaType::Html].map(|part| mail.text(part).to_owned())
    };
    for (kind, times) in [(Kind::Created, 1), (Kind::Updated, 1), (Kind::Reminder, 1), (Kind::Cancelled, 0)] {
        for part in parts(kind) {
            assert_eq!(part.matches("This event is over.").count(), times, "{part}");
            assert!(!part.contains("begins soon"), "{part}");
        }
    }
}

#[test]
fn the_preview_in_a_list_of_mails_says_something() {
    for (kind, says) in [
        (Kind::Created, "You are registered."),
        (Kind::Updated, "have changed."),
        (Kind::Reminder, "begins soon."),
    ] {
        let html = |event: &Event| render(kind, event, &sample::ada()).text(MediaType::Html).to_owned();
        assert_eq!(html(&sample::bare()).matches(says).count(), 2, "in the preview and in the mail");
        assert_eq!(html(&sample::full()).matches(says).count(), 1, "when and where are in the preview");
    }
}

#[test]
fn the_address_of_a_meeting_stands_once_in_a_text() {
    let text = |kind, event: &Event| render(kind, event, &sample::ada()).text(MediaType::Plain).to_owned();
    let online = sample::edge_cases::online();
    assert_eq!(text(Kind::Created, &online).matches("https://zoom.us").count(), 1);
    assert_eq!(text(Kind::Cancelled, &online).matches("https://zoom.us").count(), 1, "what was called off");
    let with_words = Event { location: Some("Zoom: https://zoom.us/j/1".to_owned()), ..online };
    assert!(text(Kind::Created, &with_words).contains("    Zoom: https://zoom.us/j/1\n"));
}
