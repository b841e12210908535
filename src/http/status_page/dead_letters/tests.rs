//! When the page looks at dead letters, and what it shows of them.

use super::*;
use crate::broker::dead_letters::view::tests::dead_letter;

#[test]
fn they_are_looked_at_when_their_number_has_changed_and_not_too_often() {
    let (begun, counts) = (Instant::now(), |number| DeadLetterCounts::from([("events".to_owned(), number)]));
    let after = |seconds| begun + Duration::from_secs(seconds);
    let mut seen = Seen::default();
    assert!(seen.is_due(&counts(1), begun) && seen.begin(&counts(1)));
    assert!(!seen.is_due(&counts(1), after(1000)), "a look goes on");
    seen.end(counts(1), Some(DeadLetterLook::default()));
    let is_due = |seen: &Seen| {
        [(2, 10), (1, 40), (2, 40), (1, 700)].map(|(number, at)| seen.is_due(&counts(number), after(at)))
    };
    assert_eq!(is_due(&seen), [false, false, true, true]);
    seen.end(counts(1), Some(DeadLetterLook { is_cut: true, ..DeadLetterLook::default() }));
    assert_eq!(is_due(&seen), [false; 4], "the broker counts looks");
    let mut failed = Seen { at: Some(begun), ..Seen::default() };
    failed.end(counts(1), None);
    assert!(!failed.is_due(&counts(1), after(10)) && failed.is_due(&counts(1), after(40)));
    failed.end(counts(1), Some(DeadLetterLook::default()));
    failed.end(counts(2), None);
    assert!(failed.is_due(&counts(2), after(40)), "what is known is still that of the look before");
}

#[test]
fn a_look_that_is_cut_takes_no_reasons_away() {
    let mut groups = DeadLetterGroups::default();
    groups.add(&dead_letter("00000000000000a1", "event 7 is gone", b""));
    let (counts, mut seen) = (DeadLetterCounts::from([("events".to_owned(), 1)]), Seen::default());
    seen.end(counts.clone(), Some(DeadLetterLook { groups: groups.into_sorted(), is_cut: false }));
    seen.end(counts, Some(DeadLetterLook { is_cut: true, ..DeadLetterLook::default() }));
    let look = seen.look.unwrap();
    assert!(look.is_cut && look.groups.len() == 1);
}

#[test]
fn a_group_has_what_to_type_and_a_button_for_those_who_may() {
    let mut groups = DeadLetterGroups::default();
    groups.add(&dead_letter("00000000000000a1", "event 7 isn't <b>there</b>", b""));
    groups.add(&dead_letter("00000000000000a2", "ann@example.com is no event", b""));
    let look = DeadLetterLook { groups: groups.into_sorted(), is_cut: false };
    let counts = DeadLetterCounts::from([("events".to_owned(), 2)]);
    let view = |may_change| DeadLettersView::new(&counts, Some(&look), may_change).unwrap();
    let shown = serde_json::to_value(view(true)).unwrap();
    let [address, event] = [0, 1].map(|at| &shown["groups"][at]);
    assert_eq!(event["command"], r"fanmail dead-letters replay --reason 'event … isn'\''t <b>there</b>'");
    assert_eq!(
        event["replay"][0],
        "/dead-letters/replay?reason=event+%E2%80%A6+isn%27t+%3Cb%3Ethere%3C%2Fb%3E"
    );
    assert_eq!(event["replay"][1], "/dead-letters/replay?id=00000000000000a1");
    assert_eq!(
        (&address["reason"], &address["command"]),
        (&"a***@example.com is no event".into(), &serde_json::Value::Null)
    );
    assert_eq!(address["replay"], serde_json::Value::Null, "the link would have the address");
    assert_eq!((&shown["total"], &shown["note"]), (&"2 dead letters".into(), &serde_json::Value::Null));
    assert_eq!(serde_json::to_value(view(false)).unwrap()["groups"][0]["replay"], serde_json::Value::Null);
    assert!(DeadLettersView::new(&DeadLetterCounts::new(), None, true).is_none());
}
