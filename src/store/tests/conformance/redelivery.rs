//! Messages without an id that come again: rules 3 to 5 of `identity`.

use chrono::TimeDelta;

use super::*;
use crate::store::ledger::opening::{Arrival, Opened};
use crate::store::ledger::sessions::EndOfSession;
use crate::store::tests::consumer::*;

pub fn a_redelivered_message_finds_the_notification_that_lost_it(store: &Store) {
    let mut before = Consumer::begin(store, "me", 1);
    let (waiting, _) = before.receive_new();
    before.lose();
    let mut me = Consumer::begin(store, "me", 2);
    let opened = me.receive(AGAIN);
    assert!(matches!(opened, Opened::Ours { resumed: false, started: false, .. }), "{opened:?}");
    assert_eq!(id_of(&opened), waiting.id);
    assert_eq!(look(store, waiting.id).broker_session.as_deref(), Some("me/2"));
    // Its message is here now, so the next one is another one.
    assert_ne!(id_of(&me.receive(AGAIN)), waiting.id);
}
