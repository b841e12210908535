//! Who may work at a notification, and who may not any more.

use super::*;
use crate::store::ledger::row::Holder;
use crate::store::tests::consumer::{ask_as, look, take_over, take_over_as, wait_for_next_millisecond};

fn holder(store: &Store, notification_id: NotificationId) -> Option<Holder> {
    look(store, notification_id).holder
}

pub fn opening_a_notification_leases_it(store: &Store) {
    let opened = ask(store, &named("a", false), message(Kind::Updated));
    let Opened::Ours { notification, lease, resumed: false, .. } = opened else { panic!("{opened:?}") };
    let found = holder(store, notification.id).unwrap();
    assert_eq!((found.owner.as_str(), found.expired), ("me", false));
    let again = || ask(store, &named("a", true), message(Kind::Updated));
    assert_eq!(again(), Opened::Held { notification, lease }, "it is leased already");
    store.release_lease(lease).unwrap();
    let again = again();
    let Opened::Ours { lease: newer, resumed: true, .. } = again else { panic!("{again:?}") };
    assert_eq!(newer, Lease { epoch: lease.epoch.next(), ..lease }, "every lease is another one");
}

pub fn a_lease_of_another_worker_is_respected_until_it_is_released(store: &Store) {
    let identity = named("a", true);
    let opened = ask(store, &identity, message(Kind::Updated));
    let Opened::Ours { notification, lease, .. } = opened else { panic!("{opened:?}") };
    let theirs = || ask_as(store, &lease_request("they"), &identity, message(Kind::Updated));
    assert_eq!(theirs(), Opened::Elsewhere(notification));
    store.release_lease(Lease { epoch: lease.epoch.next(), ..lease }).unwrap();
    assert_eq!(theirs(), Opened::Elsewhere(notification), "that was not its lease");
    store.release_lease(lease).unwrap();
    assert_eq!(holder(store, notification.id), None);
    let taken = theirs();
    let Opened::Ours { lease: newer, resumed: true, .. } = taken else { panic!("{taken:?}") };
    assert_eq!(newer, Lease { epoch: lease.epoch.next(), ..lease });
    assert_eq!(ask(store, &identity, message(Kind::Updated)), Opened::Elsewhere(notification));
}

pub fn a_lease_is_taken_over_only_as_it_was_seen(store: &Store) {
    let id = open_and_hold(store).id;
    let seen = look(store, id);
    // Renewed meanwhile: its holder is alive.
    let longer = LeaseRequest { term: Duration::from_secs(60), ..lease_request("me") };
    assert_eq!(store.renew_leases(&[first_lease(id)], &longer).unwrap(), []);
    assert_eq!(take_over(store, &seen, "they"), None);
    let seen = look(store, id);
    assert_eq!(take_over(store, &seen, "they"), Some(lease(id, 2)));
    assert_eq!(holder(store, id).unwrap().owner, "they");
    assert_eq!(take_over(store, &seen, "others"), None, "they were quicker");
    let until = holder(store, id).unwrap().until;
    wait_for_next_millisecond(store);
    assert_eq!(take_over(store, &seen, "they"), Some(lease(id, 2)), "the reply was lost");
    assert!(holder(store, id).unwrap().until > until, "they count its term from the second call");
    store.release_lease(lease(id, 2)).unwrap();
    assert_eq!(take_over(store, &seen, "they"), None);
    let free = look(store, id);
    assert_eq!(take_over(store, &free, "others"), Some(lease(id, 3)));
}

/// Two parts of one worker have the same name: only the epoch tells their calls apart.
pub fn only_one_part_of_a_worker_takes_over(store: &Store) {
    let id = open_and_hold(store).id;
    for _ in 0..200 {
        let seen = look(store, id);
        let take_over = || take_over_as(store, &seen, "me", seen.epoch.of_take_over());
        assert!(take_over().is_some());
        assert_eq!(take_over(), None);
    }
}

pub fn only_one_of_many_workers_takes_over(store: &Store) {
    let seen = look(store, open_and_hold(store).id);
    let taken: Vec<Option<Lease>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|number| {
                let seen = &seen;
                scope.spawn(move || take_over(store, seen, &format!("worker-{number}")))
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    assert_eq!(taken.iter().flatten().count(), 1, "{taken:?}");
}

pub fn a_lease_ends_by_the_clock_of_the_database_unless_it_is_renewed(store: &Store) {
    let brief = LeaseRequest { term: Duration::ZERO, ..lease_request("me") };
    let opened = ask_as(store, &brief, &without_message_id(false), message(Kind::Updated));
    let Opened::Ours { notification, lease, .. } = opened else { panic!("{opened:?}") };
    assert!(holder(store, notification.id).unwrap().expired);
    assert_eq!(
        store.renew_leases(&[lease], &lease_request("me")).unwrap(),
        [],
        "no other worker has taken it over"
    );
    assert!(!holder(store, notification.id).unwrap().expired);
}

pub fn writes_of_a_lost_lease_are_refused(store: &Store) {
    add_people(store, EVENT, 3);
    let notification = open_and_hold(store);
    let ours = first_lease(notification.id);
    record(store, &notification, Status::Sent, [1]);
    let theirs = take_over(store, &look(store, notification.id), "they").unwrap();

    let late = outcome(&notification, 2, Status::Sent);
    assert_eq!(store.record_outcomes(std::slice::from_ref(&late)).unwrap(), BTreeSet::from([ours]));
    assert_eq!(complete_under(store, ours), Completion::LeaseLost);
    assert_eq!(store.renew_leases(&[ours, theirs], &lease_request("they")).unwrap(), [ours]);
    store.release_lease(ours).unwrap();
    let entry = look(store, notification.id);
    assert_eq!((entry.state, entry.holder.unwrap().owner.as_str()), (NotificationState::Running, "they"));
    assert_eq!(store.tally(&notification).unwrap().sent, 1);

    let valid = Outcome { lease: theirs, ..late };
    assert_eq!(store.record_outcomes(&[valid]).unwrap(), BTreeSet::new());
    assert_eq!(complete_under(store, theirs), Completion::Completed);
    assert_eq!(store.tally(&notification).unwrap().sent, 2);
}

pub fn refused_outcomes_do_not_hold_up_the_others(store: &Store) {
    let (lost, kept) = (open(store), open(store));
    take_over(store, &look(store, lost.id), "they").unwrap();
    let outcomes = [outcome(&lost, 1, Status::Sent), outcome(&kept, 1, Status::Sent)];
    assert_eq!(store.record_outcomes(&outcomes).unwrap(), BTreeSet::from([first_lease(lost.id)]));
    assert!(decided(store, lost.id, 0, 9).is_empty());
    assert_eq!(decided(store, kept.id, 0, 9).len(), 1);
    let nowhere = Outcome { lease: first_lease(NotificationId(kept.id.0 + 1)), ..outcomes[1].clone() };
    assert_eq!(store.record_outcomes(&[nowhere]).unwrap().len(), 1, "there is no such notification");
}

pub fn a_completed_notification_has_no_lease(store: &Store) {
    let id = open_and_hold(store).id;
    complete(store, id);
    assert_eq!(holder(store, id), None);
    assert_eq!(store.renew_leases(&[first_lease(id)], &lease_request("me")).unwrap(), [first_lease(id)]);
    assert_eq!(holder(store, id), None, "a renewal that comes late does not bring it back");
    complete(store, id);
}

pub fn a_lost_lease_reopens_nothing(store: &Store) {
    let notification = open_and_hold(store);
    record(store, &notification, Status::Failed, [1]);
    complete(store, notification.id);
    let stale = take_over(store, &look(store, notification.id), "they").unwrap();
    take_over(store, &look(store, notification.id), "others").unwrap();
    assert_eq!(store.reopen_failed(stale, true).unwrap(), None);
    assert_eq!(store.tally(&notification).unwrap().failed, 1);
}

pub fn workers_come_and_go(store: &Store) {
    store.report_worker("one", "").unwrap();
    store.report_worker("two", "").unwrap();
    store.report_worker("one", "relay: refused\n").unwrap();
    let workers = store.list_workers().unwrap();
    let found: Vec<_> = workers.iter().map(|one| (one.name.as_str(), one.troubles.as_str())).collect();
    assert_eq!(found, [("one", "relay: refused\n"), ("two", "")]);
    assert!(workers.iter().all(|one| one.silent_for < Duration::from_secs(60)));
    store.remove_worker("one").unwrap();
    store.remove_worker("nobody").unwrap();
    assert_eq!(store.list_workers().unwrap().len(), 1);
    execute(store, "UPDATE workers SET seen_at = '2026-01-01 00:00:00'");
    store.report_worker("three", "").unwrap();
    assert_eq!(store.list_workers().unwrap()[0].name, "three", "the other one is forgotten");
}
