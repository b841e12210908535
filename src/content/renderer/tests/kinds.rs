//! What the mails of each kind say.

use super::*;

#[test]
fn each_kind_has_its_own_wording() {
    let subjects = Kind::OF_EVENTS.map(|kind| render(kind, &sample::full(), &sample::ada()).subject);
    assert_eq!(
        subjects,
        [
            "You are in: Winter Lights Concert, Thursday, 24 December 2026",
            "Updated: Winter Lights Concert, Thursday, 24 December 2026",
            "Cancelled: Winter Lights Concert, Thursday, 24 December 2026",
            "Reminder: Winter Lights Concert, Thursday, 24 December 2026",
        ]
    );
    let [created, updated, cancelled, reminder] =
        Kind::OF_EVENTS.map(|kind| render(kind, &sample::full(), &sample::ada()));
    assert!(created.text(MediaType::Plain).contains("Here is what you need."));
    assert!(updated.text(MediaType::Plain).contains("This is how it stands now."));
    assert!(cancelled.text(MediaType::Plain).contains("will not take place"));
    assert!(reminder.text(MediaType::Plain).contains("begins soon"));
    assert!(
        cancelled.text(MediaType::Html).contains("line-through")
            && !updated.text(MediaType::Html).contains("line-through")
    );
}

#[test]
fn a_mail_that_has_only_a_title_to_tell_promises_no_more() {
    for (kind, promise) in [
        (Kind::Created, "what you need"),
        (Kind::Updated, "how it stands"),
        (Kind::Reminder, "what you need"),
    ] {
        let [mail, full] = [sample::bare(), sample::full()].map(|event| render(kind, &event, &sample::ada()));
        for part in [MediaType::Plain, MediaType::Html] {
            assert!(
                full.text(part).contains(promise) && !mail.text(part).contains(promise),
                "{}",
                mail.text(part)
            );
        }
    }
}
