//! Who failed, page by page, and which mails did not arrive for whatever reason.

use std::time::{Duration, Instant};

use super::*;
use crate::report::failures::group::FailureSort;
use crate::report::failures::{Code, FailureFilter};
use crate::store::ledger::failures::Failure;
use crate::store::ledger::recipients::row::NewRecipients;
use crate::store::ledger::returned::{Consequence, ReturnedMail};
use crate::store::ledger::undelivered::UndeliveredTable;

/// Makes a test of each function of this file, as `names` does with those of the others.
macro_rules! failure_tests {
    ($fresh:path) => {
        crate::store::tests::conformance::conformance_tests!($fresh:
            failures_are_read_in_pages_with_the_keys_of_the_application
            failures_are_read_since_a_time
            a_failure_of_a_listed_participant_has_the_key_that_is_text
            mails_that_did_not_arrive_are_read_in_pages_of_one_or_all_notifications
            reasons_are_grouped_with_masked_addresses
        );
    };
}
pub(in crate::store::tests) use failure_tests;

pub fn failures_are_read_in_pages_with_the_keys_of_the_application(store: &Store) {
    add_people(store, EVENT, 5);
    let notification = open(store);
    record(store, &notification, Status::Sent, [1]);
    record(store, &notification, Status::Failed, [2, 4]);
    let permanent = Outcome {
        verdict: failed(Permanence::Permanent),
        attempts: 0,
        ..outcome(&notification, 5, Status::Failed)
    };
    assert!(store.record_outcomes(&[permanent]).unwrap().is_empty());
    let read = |after: Option<i64>, limit| -> Vec<(i64, bool, i32, Option<String>)> {
        let failures = store.read_failures(&notification, None, after.map(ParticipantId), limit).unwrap();
        let row = |(failure, key): (Failure, Option<String>)| {
            (failure.participant_id.0, failure.permanent, failure.attempts, key)
        };
        failures.into_iter().map(row).collect()
    };
    assert_eq!(read(None, 2), [(2, false, 1, None), (4, false, 1, None)]);
    assert_eq!(read(Some(4), 2), [(5, true, 0, None)]);
    assert_eq!(read(Some(5), 2), []);
    let (first, _) = &store.read_failures(&notification, None, None, 1).unwrap()[0];
    assert!(first.detail.as_ref().is_some_and(|detail| !detail.is_empty()), "{first:?}");
}

pub fn a_failure_of_a_listed_participant_has_the_key_that_is_text(store: &Store) {
    key_type(store, "VARCHAR(99)", &quoted(&["a", "b b", "C"]));
    let notification = open(store);
    let keys = ["C", "a", "b b"];
    let new = NewRecipients {
        lease: first_lease(notification.id),
        after: ParticipantId(0),
        keys: &keys,
        listing: None,
    };
    store.append_recipients(&new).unwrap();
    record(store, &notification, Status::Failed, [1, 3]);
    let failures = store.read_failures(&notification, None, None, 9).unwrap();
    let keys: Vec<Option<String>> = failures.into_iter().map(|(_, key)| key).collect();
    assert_eq!(keys, [Some("C".to_owned()), Some("b b".to_owned())]);
}

pub fn failures_are_read_since_a_time(store: &Store) {
    add_people(store, EVENT, 2);
    let notification = open(store);
    record(store, &notification, Status::Failed, [1, 2]);
    execute(store, "UPDATE deliveries SET decided_at = '2020-01-01 00:00:00' WHERE participant_id = 1");
    let an_hour_ago = Instant::now().checked_sub(Duration::from_secs(3_600)).unwrap();
    let read = |since| store.read_failures(&notification, since, None, 9).unwrap();
    let ids = |since| read(since).iter().map(|(one, _)| one.participant_id.0).collect::<Vec<_>>();
    assert_eq!((ids(None), ids(Some(an_hour_ago))), (vec![1, 2], vec![2]));
}

/// Two notifications to five people each: of the first, 1 was sent, 2 and 3 failed, 4 has come back and 5 is deferred; of the second,
/// 1 failed.
fn with_all_sorts(store: &Store) -> [Notification; 2] {
    add_people(store, EVENT, 5);
    let (first, second) = (open(store), open(store));
    record(store, &first, Status::Sent, [1, 4]);
    let permanent = |id: i64, words: &str| Outcome {
        verdict: Verdict::failed(Permanence::Permanent, Some(550), words),
        ..outcome(&first, id, Status::Failed)
    };
    let deferred =
        Verdict::deferred(Duration::from_secs(300), Some(450), "450 4.2.0 greylisted, wait 297 seconds");
    let outcomes = [
        permanent(2, "550 5.1.1 <p***@example.com>: no such user"),
        permanent(3, "550 5.1.1 <q***@example.org>: no such user"),
        Outcome { verdict: deferred, ..outcome(&first, 5, Status::Failed) },
    ];
    assert!(store.record_outcomes(&outcomes).unwrap().is_empty());
    let returned = ReturnedMail {
        notification_id: first.id,
        participant_id: ParticipantId(4),
        status: Status::Bounced,
        code: Some("5.2.2".to_owned()),
        consequence: Consequence::Nothing,
    };
    store.record_returned(&returned).unwrap();
    record(store, &second, Status::Failed, [1]);
    [first, second]
}

pub fn mails_that_did_not_arrive_are_read_in_pages_of_one_or_all_notifications(store: &Store) {
    let [first, second] = with_all_sorts(store);
    let ids = |table, of: Option<&Notification>| {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = store.read_undelivered(table, of.map(|one| one.id), after, 2).unwrap();
            let Some(last) = page.last() else { return found };
            after = Some(last.place);
            found.extend(page.iter().map(|mail| (mail.place.notification_id, mail.place.participant_id.0)));
        }
    };
    let (outcomes, deferrals) = (UndeliveredTable::Outcomes, UndeliveredTable::Deferrals);
    assert_eq!(ids(outcomes, None), [(first.id, 2), (first.id, 3), (first.id, 4), (second.id, 1)]);
    assert_eq!(ids(outcomes, Some(&first)), [(first.id, 2), (first.id, 3), (first.id, 4)]);
    assert_eq!(ids(outcomes, Some(&second)), [(second.id, 1)]);
    assert_eq!((ids(deferrals, None), ids(deferrals, Some(&second))), (vec![(first.id, 5)], vec![]));
    record(store, &first, Status::Sent, [5]);
    assert_eq!(ids(deferrals, None), [], "one that was decided is none");
}

pub fn reasons_are_grouped_with_masked_addresses(store: &Store) {
    let [first, second] = with_all_sorts(store);
    let groups = |filter: &FailureFilter| crate::report::failures::read(store, filter).unwrap();
    let all = groups(&FailureFilter::default());
    let sorts: Vec<_> = all.iter().map(|group| (group.failure, group.count)).collect();
    assert_eq!(
        sorts,
        [
            (FailureSort::Permanent, 2),
            (FailureSort::Temporary, 1),
            (FailureSort::Bounced, 1),
            (FailureSort::Deferred, 1)
        ]
    );
    let group = serde_json::to_value(&all[0]).unwrap();
    assert_eq!(group["reason"], "(address): no such user");
    assert_eq!(group["enhanced_code"], "5.1.1");
    assert_eq!(group["notifications"], serde_json::json!([{"notification": first.id, "count": 2}]));
    let example = &group["examples"][1];
    assert_eq!(example["participant"], 3);
    assert_eq!(example["reason"], "550 5.1.1 <q***@example.org>: no such user");
    let address = example["address"].as_str().unwrap();
    assert!(address.contains("***@"), "{example}");
    assert_eq!(all[3].reason, "greylisted, wait (number) seconds");
    assert!(all[3].next_try_at.is_some() && all[2].enhanced_code.as_deref() == Some("5.2.2"));

    let notifications = Some(vec![second.id]);
    assert_eq!(groups(&FailureFilter { notifications, code: None }).len(), 1);
    let of_code = |code: &str| {
        let code: Option<Code> = Some(code.parse().unwrap());
        groups(&FailureFilter { notifications: None, code }).iter().map(|group| group.count).sum::<u64>()
    };
    assert_eq!(["550", "5.1.1", "5.2.2", "450", "421"].map(of_code), [2, 2, 1, 2, 0]);
}
