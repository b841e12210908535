//! Words and rows of a newer fanmail, which the tables do not forbid (decision 0008).

use super::*;
use crate::domain::channel::ChannelName;
use crate::domain::outcome::Tally;
use crate::store::ledger::row::NotificationState;

pub fn every_word_of_the_ledger_is_read_as_it_is_written(_store: &Store) {
    for kind in Kind::ALL {
        assert_eq!(Kind::from_word(kind.as_str()), Some(kind));
    }
    for status in Status::ALL {
        assert_eq!(Status::from_word(status.as_str()), Some(status));
    }
    for state in NotificationState::ALL {
        assert_eq!(NotificationState::from_word(state.as_str()), Some(state));
    }
    for channel in ChannelName::ALL {
        assert_eq!(ChannelName::from_word(channel.as_str()), Some(channel));
    }
}

/// An error is better than a row that is left out or taken for another: what it tells could not be true.
pub fn an_unknown_word_is_an_error_that_names_its_row(store: &Store) {
    let notification = open(store);
    let id = notification.id;
    for (column, word, known) in [
        ("kind", "LATER_KIND", "UPDATED"),
        ("audience", "later", "event"),
        ("state", "later", "running"),
        ("channel", "later", "email"),
    ] {
        execute(store, &format!("UPDATE notifications SET {column} = '{word}'"));
        let expected = format!(
            "notification {id} has the unknown {column} \"{word}\"; a newer fanmail has written it, use that one"
        );
        for error in [store.find_notification(id).unwrap_err(), store.list_notifications(None).unwrap_err()] {
            assert!(error.to_string().ends_with(&expected) && !error.is_transient(), "{error}");
        }
        execute(store, &format!("UPDATE notifications SET {column} = '{known}'"));
    }
    record(store, &notification, Status::Sent, [1]);
    execute(store, "UPDATE deliveries SET status = 'later'");
    let error = store.tally(&notification).unwrap_err().to_string();
    assert!(
        error.contains(&format!("notification {id} has the unknown status of a delivery \"later\"")),
        "{error}"
    );
}

/// Adds a notification that is not about an event, and gives its key.
fn add_notice(store: &Store, state: &str) -> NotificationId {
    execute(
        store,
        &format!(
            "INSERT INTO notifications (kind, audience, max_participant_id, state, received_at, completed_at, acked_at)
             VALUES ('UPDATED', 'event', 2, '{state}', '2020-01-01 10:00:00', '2020-01-01 10:00:00',
                '2020-01-01 10:00:00')"
        ),
    );
    let all = store.list_notifications(None).unwrap();
    let id = all.last().unwrap().notification.id;
    execute(
        store,
        &format!(
            "INSERT INTO deliveries (notification_id, participant_id, status, attempts, permanent, decided_at)
             VALUES ({id}, 1, 'sent', 1, FALSE, '2020-01-01 10:00:00'), ({id}, 2, 'failed', 1, TRUE,
                '2020-01-01 10:00:00')"
        ),
    );
    id
}

pub fn a_notification_without_an_event_is_listed_and_adds_up(store: &Store) {
    add_people(store, EVENT, 2);
    let id = add_notice(store, "completed");
    let record = store.find_notification(id).unwrap().unwrap();
    assert_eq!((record.notification.event_id, record.notification.to_string()), (None, "UPDATED".to_owned()));
    let tally = store.tally(&record.notification).unwrap();
    let expected = Tally { participants: 2, sent: 1, failed: 1, failed_permanent: 1, ..Tally::default() };
    assert_eq!(tally, expected);
    assert!(tally.adds_up());
    assert_eq!(store.list_notifications(Some(EVENT)).unwrap(), []);
}

pub fn a_notification_without_an_event_is_purged(store: &Store) {
    let [old, in_question] = ["completed", "completed"].map(|state| add_notice(store, state));
    execute(store, &format!("UPDATE notifications SET acked_at = NULL WHERE id = {in_question}"));
    let mut purge = store.purge(chrono::TimeDelta::days(90)).unwrap();
    while purge.step().unwrap().is_some() {}
    assert_eq!(store.find_notification(old).unwrap(), None);
    assert!(store.find_notification(in_question).unwrap().is_some());
    assert_eq!(decided(store, old, 0, 9), HashSet::new());
}

/// A message for two channels opens two rows with one key.
pub fn a_message_id_is_looked_for_on_its_channel(store: &Store) {
    let on_email = |store: &Store| match ask(store, &named("both", false), message(Kind::Updated)) {
        Opened::Ours { notification, resumed, .. } => (notification.id, resumed),
        Opened::Held { notification, .. } => (notification.id, true),
        other => panic!("{other:?}"),
    };
    let (first, resumed) = on_email(store);
    assert!(!resumed);
    execute(store, "UPDATE notifications SET channel = 'push'");
    let (second, resumed) = on_email(store);
    assert!(!resumed && second > first);
    assert_eq!(on_email(store), (second, true));

    // The same without a message_id.
    execute(store, "UPDATE notifications SET message_key = NULL");
    let again = ask(store, &without_message_id(true), message(Kind::Updated));
    assert!(matches!(again, Opened::Held { notification, .. } if notification.id == second), "{again:?}");
    execute(store, "UPDATE notifications SET channel = 'push'");
    let again = ask(store, &without_message_id(true), message(Kind::Updated));
    assert!(matches!(again, Opened::Ours { resumed: false, .. }), "{again:?}");
}

pub fn an_installation_has_one_tag(store: &Store) {
    let installation = store.find_installation().unwrap();
    assert_eq!(installation.untagged_up_to, NotificationId(0));
    assert_eq!(installation.tag.len(), 10);
    open(store);
    store.migrate().unwrap();
    assert_eq!(store.find_installation().unwrap(), installation);
    execute(store, "DELETE FROM installation");
    let error = store.find_installation().unwrap_err().to_string();
    assert!(error.contains("the table installation is empty; restore the row from a backup"), "{error}");
}
