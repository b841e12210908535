//! Which task is started next, and what is left of tasks that are removed.

use super::*;
use crate::domain::audience::Audience;
use crate::domain::ids::ParticipantId;
use crate::domain::kind::Kind;
use crate::domain::notification::Notification;
use crate::worker::fan_out::claim::OpenedAs;

fn receipt(tag: u64) -> Receipt {
    Receipt { session: 1, tag }
}

/// Adds the message `tag` of an event.
fn add(tasks: &mut Tasks, event: i64, tag: u64) -> TaskId {
    let message = Message::new(Kind::Updated, EventId::Number(event));
    tasks.add(message, Identity::default(), (SourceId(0), Urgency::Usual), receipt(tag));
    tasks.find(receipt(tag)).unwrap().0
}

fn opened(event: i64, id: i64) -> TaskState {
    let event_id = EventId::Number(event);
    let audience = Audience::Event { id: event_id, up_to: ParticipantId(1) };
    TaskState::Waiting(OpenedAs::Elsewhere(Notification {
        id: NotificationId(id),
        kind: Kind::Updated,
        event_id: Some(event_id),
        audience,
        priority: Priority::default(),
    }))
}

#[test]
fn the_first_of_each_event_starts_in_order_of_arrival() {
    let mut tasks = Tasks::default();
    let [one, two, other] = [(1, 1), (1, 2), (2, 3)].map(|(event, tag)| add(&mut tasks, event, tag));
    assert_eq!(tasks.next_startable(Urgency::Usual), None, "none is open");
    tasks.set_state(two, opened(1, 2));
    assert_eq!(tasks.next_startable(Urgency::Usual), None, "one that arrived earlier is not open");
    tasks.set_state(other, opened(2, 3));
    assert_eq!(tasks.next_startable(Urgency::Usual), Some(other));
    tasks.set_state(one, opened(1, 1));
    assert_eq!(tasks.next_startable(Urgency::Usual), Some(one));
    tasks.set_state(one, TaskState::Running(NotificationId(1)));
    tasks.set_state(other, TaskState::DeadLettering(NotificationId(2)));
    assert_eq!(tasks.next_startable(Urgency::Usual), None, "the second one waits for the first one");
    tasks.remove(one);
    assert_eq!(tasks.next_startable(Urgency::Usual), Some(two));
}

#[test]
fn an_urgent_task_overtakes_other_events_and_not_its_own() {
    let mut tasks = Tasks::default();
    let [one, _, other] = [(1, 1), (1, 2), (2, 3)].map(|(event, tag)| add(&mut tasks, event, tag));
    tasks.set_state(one, opened(1, 1));
    tasks.set_state(other, opened(2, 3));
    assert_eq!(
        (tasks.next_startable(Urgency::Urgent), tasks.next_startable(Urgency::Usual)),
        (None, Some(one))
    );
    let message = Message::new(Kind::Cancelled, EventId::Number(2));
    tasks.add(message, Identity::default(), (SourceId(1), Urgency::Urgent), receipt(4));
    let urgent = tasks.find(receipt(4)).unwrap().0;
    assert_eq!(
        tasks.next_startable(Urgency::Urgent),
        Some(other),
        "it arrived before the urgent one of its event"
    );
    tasks.set_state(urgent, opened(2, 4));
    assert_eq!(tasks.next_startable(Urgency::Urgent), Some(other));
    tasks.remove(other);
    assert_eq!(
        (tasks.next_startable(Urgency::Urgent), tasks.next_startable(Urgency::Usual)),
        (Some(urgent), Some(one))
    );
    tasks.remove(urgent);
    assert_eq!(
        (tasks.next_startable(Urgency::Urgent), tasks.next_startable(Urgency::Usual)),
        (None, Some(one))
    );
}

#[test]
fn a_task_of_high_priority_overtakes_other_events_and_takes_those_of_its_own_along() {
    let mut tasks = Tasks::default();
    let [one, first] = [(1, 1), (2, 2)].map(|(event, tag)| add(&mut tasks, event, tag));
    tasks.set_state(one, opened(1, 1));
    tasks.set_state(first, opened(2, 2));
    assert_eq!(tasks.next_startable(Urgency::Usual), Some(one));
    let message = Message::new(Kind::Cancelled, EventId::Number(2)).or_priority(Priority::High);
    tasks.add(message, Identity::default(), (SourceId(0), Urgency::Usual), receipt(3));
    let high = tasks.find(receipt(3)).unwrap().0;
    assert_eq!(tasks.next_startable(Urgency::Usual), Some(first), "it arrived before the one of its event");
    tasks.remove(first);
    tasks.set_state(high, opened(2, 3));
    assert_eq!(tasks.next_startable(Urgency::Usual), Some(high));
    tasks.begin(high);
    assert_eq!(tasks.next_startable(Urgency::Usual), Some(one));
}

#[test]
fn a_task_that_leaves_its_queue_is_still_found_by_its_receipt() {
    let mut tasks = Tasks::default();
    let [one, two] = [1, 2].map(|tag| add(&mut tasks, 1, tag));
    tasks.set_state(two, opened(1, 2));
    tasks.set_state(one, TaskState::DeadLettering(NotificationId(1)));
    tasks.leave_queue(one);
    assert_eq!(tasks.next_startable(Urgency::Usual), Some(two));
    assert_eq!(tasks.find(receipt(1)).unwrap().0, one);
    tasks.remove(one);
    assert_eq!(tasks.next_startable(Urgency::Usual), Some(two));
}

#[test]
fn nothing_is_left_of_tasks_that_are_removed() {
    let mut tasks = Tasks::default();
    for tag in 1..=4 {
        let id = add(&mut tasks, i64::try_from(tag % 2).unwrap(), tag);
        tasks.set_receipt(id, SourceId(0), Receipt { session: 2, tag });
    }
    for id in tasks.select(|_| true) {
        tasks.remove(id);
    }
    assert!(tasks.by_id.is_empty() && tasks.receipts.is_empty(), "{tasks:?}");
    assert!(tasks.queues.is_empty() && tasks.startable.is_empty(), "{tasks:?}");
}

#[test]
fn a_twin_is_another_task_of_the_event_with_the_same_notification() {
    let mut tasks = Tasks::default();
    let [one, two, other] = [(1, 1), (1, 2), (2, 3)].map(|(event, tag)| add(&mut tasks, event, tag));
    tasks.set_state(one, TaskState::Running(NotificationId(7)));
    tasks.set_state(other, TaskState::Running(NotificationId(8)));
    assert_eq!(tasks.find_twin(two, NotificationId(7)), Some(one));
    assert_eq!(tasks.find_twin(one, NotificationId(7)), None, "itself");
    assert_eq!(tasks.find_twin(two, NotificationId(8)), None, "of another event");
    tasks.set_state(one, TaskState::Acking(NotificationId(7)));
    assert_eq!(tasks.find_twin(two, NotificationId(7)), None, "it is done");
}
