//! Messages that a route has read: nothing but what was said tells them from others.

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::domain::message::details::Routed;
use crate::domain::message::recipient::GivenRecipient;
use crate::domain::message::refusal::MessageRefusal;
use crate::domain::message::routed::{self, RoutedSource};
use crate::store::ledger::opening::{Arrival, Opened};
use crate::store::tests::consumer::{AGAIN, Consumer, NEW, id_of, look};

/// What a route makes of a message: `template` and the name of the recipient stand in the file of routes.
fn routed(routing_key: &str, said: &str, template: &str, about_event: bool) -> Message {
    let payload = json!({"said": said, "event": about_event}).as_object().unwrap().clone();
    let meta = routed::with_routing_key(serde_json::Map::new(), routing_key);
    let source = Some(RoutedSource::new(routing_key, &payload, &meta));
    let ann = GivenRecipient {
        email: Some("ann@example.com".to_owned()),
        name: Some(template.to_owned()),
        ..GivenRecipient::default()
    };
    let routed = Routed { template: template.to_owned(), payload, meta };
    Message {
        kind: Kind::Routed,
        event_id: about_event.then_some(EventId::Number(5)),
        recipients: (!about_event).then(|| Arc::from([ann])),
        details: routed::details(Kind::Routed, routed).unwrap().to_json(),
        source,
        priority: None,
    }
}

fn receive(consumer: &mut Consumer<'_>, what: (Option<&str>, bool), message: Message) -> Opened {
    let arrival = Arrival { message, ..consumer.arrival(what) };
    consumer.open_one(&arrival)
}

pub fn a_routed_message_without_an_id_finds_its_notification_after_the_routes_are_changed(store: &Store) {
    for (about_event, number) in [(false, 1), (true, 3)] {
        let mut before = Consumer::begin(store, "me", number);
        let [first, second, other_key] = [("a.b", "1"), ("a.b", "2"), ("c", "1")]
            .map(|(key, said)| id_of(&receive(&mut before, NEW, routed(key, said, "old", about_event))));
        before.lose();
        let mut me = Consumer::begin(store, "me", number + 1);
        let mut again =
            |key: &str, said: &str| id_of(&receive(&mut me, AGAIN, routed(key, said, "new", about_event)));
        assert_eq!([again("c", "1"), again("a.b", "2"), again("a.b", "1")], [other_key, second, first]);
        assert!(again("a.b", "3") > other_key, "a new one");
        let kept = look(store, first).details.unwrap();
        assert!(kept.as_str().contains("\"template\":\"old\""), "{kept:?}");
        me.lose();
    }
}

/// Everyone else is to get the mail that was begun.
pub fn a_message_that_no_route_reads_any_more_only_finds_its_notification(store: &Store) {
    let mut before = Consumer::begin(store, "me", 1);
    let read = |said| routed("a.b", said, "old", false);
    let [nameless, named] =
        [NEW, (Some("m"), false)].map(|what| id_of(&receive(&mut before, what, read("1"))));
    before.lose();
    let mut me = Consumer::begin(store, "me", 2);
    let refusal = MessageRefusal::Ignored { routing_key: "a.b".to_owned() };
    let mut again = |message_id, said| {
        let message = Message::trace(read(said).source.unwrap());
        let arrival = me.arrival((message_id, true));
        me.open_one(&Arrival { message, refusal: Some(refusal.clone()), ..arrival })
    };
    assert_eq!([again(None, "1"), again(Some("m"), "1")].map(|opened| id_of(&opened)), [nameless, named]);
    for message_id in [None, Some("n")] {
        assert_eq!(again(message_id, "2"), Opened::Refused(refusal.clone()));
    }
    assert_eq!(store.list_notifications(None).unwrap().len(), 2);
}

pub fn the_id_of_a_routed_message_holds_for_one_routing_key(store: &Store) {
    let mut me = Consumer::begin(store, "me", 1);
    let named = (Some("m"), false);
    let opened = receive(&mut me, named, routed("a.b", "1", "old", true));
    let id = id_of(&opened);
    for (template, about_event) in [("old", true), ("new", false)] {
        assert_eq!(id_of(&receive(&mut me, named, routed("a.b", "1", template, about_event))), id);
    }
    let other = receive(&mut me, named, routed("a.c", "1", "old", true));
    assert!(matches!(&other, Opened::Conflict(first) if first.id == id), "{other:?}");
}
