//! Participants who have one address.

use super::*;
use crate::store::ledger::same_address::{AddressOutcome, SkippedForAddress, Successor};

fn add(store: &Store, id: i64, event_id: EventId, email: &str) {
    execute(
        store,
        &format!(
            "INSERT INTO participants (id, event_id, email, name) VALUES ({id}, {event_id}, '{email}', '')"
        ),
    );
}

fn repeated(store: &Store, up_to: i64) -> Vec<String> {
    let mut found = Vec::new();
    store
        .find_repeated_addresses(EVENT, Some(ParticipantId(up_to)), |address| found.push(address.to_owned()))
        .unwrap();
    found.sort();
    found
}

pub fn addresses_that_occur_more_than_once_are_found_in_any_form(store: &Store) {
    assert_eq!(repeated(store, i64::MAX), [""; 0]);
    for (id, event_id, email) in [
        (-3, EVENT, "Ann@x.org"),
        (0, EVENT, " ann@X.ORG  "),
        (1, EVENT, "solo@x.org"),
        (2, OTHER_EVENT, "solo@x.org"),
        (3, EVENT, "annchen@x.org"),
        (4, EVENT, "\u{e4}nnchen@x.org"),
        (5, EVENT, "jo@b\u{fc}cher.example"),
        (6, EVENT, "jo@xn--bcher-kva.example"),
        (7, EVENT, "line@x.org\r"),
        (8, EVENT, "IN@x.org"),
        (9, EVENT, "in@x.org"),
        (10, EVENT, "solo@x.org"),
    ] {
        add(store, id, event_id, email);
    }
    execute(
        store,
        "INSERT INTO participants (id, event_id, email, name) VALUES (11, 7, NULL, ''), (12, 7, NULL, '')",
    );
    let unusual = ["jo@b\u{fc}cher.example", "line@x.org\r", "\u{e4}nnchen@x.org"];
    assert_eq!(repeated(store, 9), ["ann@x.org", "in@x.org", unusual[0], unusual[1], unusual[2]]);
    assert_eq!(
        repeated(store, i64::MAX),
        ["ann@x.org", "in@x.org", unusual[0], unusual[1], "solo@x.org", unusual[2]]
    );
    assert_eq!(repeated(store, -1), [""; 0]);
}

/// A notification of seven people: the first sent, the second failed, the third skipped as the event was cancelled; and then
/// one who has the address of each of these, and of the last one, who is undecided.
fn notification(store: &Store) -> Notification {
    add_people(store, EVENT, 8);
    let notification = open(store);
    record(store, &notification, Status::Sent, [1]);
    record(store, &notification, Status::Failed, [2]);
    let skipped = |id, verdict| Outcome { verdict, ..outcome(&notification, id, Status::Skipped) };
    let mut outcomes = vec![skipped(3, Verdict::skipped(Verdict::CANCELLED))];
    outcomes.extend(
        [(4, 1), (5, 2), (6, 3), (7, -8)]
            .map(|(id, first)| skipped(id, Verdict::same_address(ParticipantId(first)))),
    );
    assert!(store.record_outcomes(&outcomes).unwrap().is_empty());
    notification
}

pub fn participants_with_a_common_address_are_told_apart(store: &Store) {
    let notification = notification(store);
    let expected = Tally {
        participants: 8,
        sent: 1,
        failed: 1,
        skipped: 5,
        same_address: 4,
        pending: 1,
        ..Tally::default()
    };
    let tally = store.tally(&notification).unwrap();
    assert_eq!(tally, expected);
    assert!(tally.adds_up());
    assert_eq!(
        store.reopen_failed(first_lease(notification.id), true).unwrap(),
        Some(1),
        "the others stay skipped"
    );

    let outcomes = |after, up_to| {
        let up_to = ParticipantId(up_to);
        let outcomes = store.address_outcomes_between(notification.id, ParticipantId(after), up_to).unwrap();
        let mut outcomes: Vec<(i64, AddressOutcome)> =
            outcomes.into_iter().map(|(id, one)| (id.0, one)).collect();
        outcomes.sort_by_key(|(id, _)| *id);
        outcomes
    };
    let other = |id| AddressOutcome::Other(ParticipantId(id));
    assert_eq!(outcomes(0, 4), [(1, AddressOutcome::Tried), (3, AddressOutcome::Skipped), (4, other(1))]);
    assert_eq!(outcomes(6, 8), [(7, other(-8))]);
}

/// Key, and the one that is to get the mail.
fn shown(skipped: &[SkippedForAddress]) -> Vec<(i64, Option<i64>)> {
    skipped.iter().map(|one| (one.id.0, one.first.map(|first| first.0))).collect()
}

pub fn who_was_skipped_for_an_address_is_read_with_those_who_are_to_get_the_mail(store: &Store) {
    let id = notification(store).id;
    let read = |after, limit| shown(&store.read_skipped_for_address(id, after, limit).unwrap());
    let all = [(4, None), (5, Some(2)), (6, None), (7, Some(-8))];
    assert_eq!(read(None, 9), all);
    assert_eq!(read(None, 3), all[..3]);
    assert_eq!(read(Some(ParticipantId(6)), 3), all[3..]);
    assert_eq!(read(Some(ParticipantId(7)), 3), []);
    let find = |firsts: &[i64]| {
        let firsts: Vec<ParticipantId> = firsts.iter().copied().map(ParticipantId).collect();
        shown(&store.find_skipped_for(id, &firsts).unwrap())
    };
    assert_eq!(find(&[8, 2, 3]), [(5, Some(2)), (6, None)]);
    assert_eq!(find(&[1, -8]), [(4, None), (7, Some(-8))]);
    assert_eq!(find(&[]), []);
    execute(store, "UPDATE deliveries SET detail = 'same address as somebody' WHERE participant_id = 5");
    assert_eq!(read(None, 2), [(4, None), (5, None)]);
}

pub fn who_was_skipped_for_an_address_is_reopened_or_takes_the_place_of_another(store: &Store) {
    let notification = notification(store);
    let lease = first_lease(notification.id);
    let stale = Lease { epoch: lease.epoch.next(), ..lease };
    let ids = |ids: &[i64]| ids.iter().copied().map(ParticipantId).collect::<Vec<_>>();
    let successors = [Successor { id: ParticipantId(5), others: ids(&[2, 6, 7]) }];
    assert!(!store.reopen_skipped_for_address(stale, &ids(&[4])).unwrap());
    assert!(!store.defer_successors(stale, &successors).unwrap());
    assert_eq!(decided(store, notification.id, 0, 9).len(), 7);

    assert!(store.reopen_skipped_for_address(lease, &ids(&[1, 2, 3, 4])).unwrap());
    assert_eq!(
        decided(store, notification.id, 0, 9),
        HashSet::from([1, 2, 3, 5, 6, 7]),
        "only such outcomes"
    );
    for _ in 0..2 {
        assert!(store.defer_successors(lease, &successors).unwrap(), "it may be repeated");
    }
    assert_eq!(decided(store, notification.id, 0, 9), HashSet::from([1, 2, 3, 6, 7]));
    complete(store, notification.id);
    let due: Vec<i64> = store
        .read_due_page(notification.id, None, 9)
        .unwrap()
        .iter()
        .map(|deferral| deferral.participant_id.0)
        .collect();
    assert_eq!(due, [5], "it is due at once");
    assert_eq!(store.find_due_participants(notification.id, 9).unwrap(), ids(&[5]));
    let tally = store.tally(&notification).unwrap();
    assert_eq!((tally.same_address, tally.failed, tally.deferred, tally.pending), (2, 1, 1, 2));
    let named = store.find_skipped_for(notification.id, &ids(&[5])).unwrap();
    assert_eq!(named.iter().map(|one| one.id.0).collect::<Vec<_>>(), [6, 7]);
}
