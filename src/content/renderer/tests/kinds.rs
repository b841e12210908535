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
