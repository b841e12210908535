//! The list of addresses that get no mail, and the key of their hashes.

use super::*;
use crate::domain::address_hash::{AddressHash, AddressKey};
use crate::domain::suppression::SuppressionReason::{self, Blocked, Bounced, Complained, Unsubscribed};
use crate::domain::suppression::{SuppressionScope, SuppressionSource};
use crate::store::backend::dispatch;
use crate::store::suppressions::{NewSuppression, Suppression, SuppressionFilter};

/// Makes a test of each function of this file, as `names` does with those of the others.
macro_rules! suppression_tests {
    ($fresh:path) => {
        crate::store::tests::conformance::conformance_tests!($fresh:
            the_key_of_address_hashes_is_made_once
            without_the_key_of_its_hashes_no_list_is_taken_for_empty
            an_address_is_suppressed_by_the_scopes_that_stop_the_mail
            keys_of_events_that_are_text_are_told_apart_in_scopes
            a_suppression_is_added_once_and_stays_as_it_is
            processes_may_add_the_same_suppressions_at_once
            suppressions_are_listed_in_pages_and_removed
            opt_outs_are_found_as_addresses_are_written_and_in_small_letters
        );
    };
}
pub(in crate::store::tests) use suppression_tests;

fn suppression(key: &AddressKey, address: &str, scope: &str, reason: SuppressionReason) -> NewSuppression {
    NewSuppression {
        hash: key.hash(address).unwrap(),
        address: Some(address.to_owned()),
        scope: SuppressionScope::from_word(scope).unwrap(),
        reason,
        source: SuppressionSource::Command,
    }
}

/// Every row, read in pages of this size.
fn list(store: &Store, filter: SuppressionFilter, page_size: u32) -> Vec<Suppression> {
    let mut all: Vec<Suppression> = Vec::new();
    loop {
        let page = store.list_suppressions(filter, all.last(), page_size).unwrap();
        if page.is_empty() {
            return all;
        }
        assert!(page.len() <= page_size as usize);
        all.extend(page);
    }
}

pub fn the_key_of_address_hashes_is_made_once(store: &Store) {
    let hash = |key: AddressKey| key.hash("ann@example.org").unwrap();
    let made: Vec<AddressHash> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| hash(store.address_key().unwrap()))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(made.iter().all(|one| *one == made[0]), "{made:?}");
    assert_eq!(hash(store.address_key().unwrap()), made[0]);
    execute(store, "UPDATE installation SET address_key = 'lost'");
    let error = store.address_key().unwrap_err().to_string();
    assert!(error.contains("installation.address_key is not 64 hexadecimal digits; restore it"), "{error}");
}

/// As after a backup of the list was restored alone. A new key would never find its rows.
pub fn without_the_key_of_its_hashes_no_list_is_taken_for_empty(store: &Store) {
    let key = store.address_key().unwrap();
    store.add_suppressions(&[suppression(&key, "ann@example.org", "all", Unsubscribed)]).unwrap();
    execute(store, "UPDATE installation SET address_key = NULL");
    let errors = [
        store.find_key_of_suppressions().unwrap_err(),
        store.suppression_lookup(false).unwrap_err(),
        store.address_key().unwrap_err(),
    ];
    assert!(errors.iter().all(|error| error.to_string().contains("restore it from a backup")), "{errors:?}");
    execute(store, "DELETE FROM suppressions");
    assert!(store.find_key_of_suppressions().unwrap().is_none());
    store.address_key().unwrap();
}

pub fn an_address_is_suppressed_by_the_scopes_that_stop_the_mail(store: &Store) {
    assert!(store.find_key_of_suppressions().unwrap().is_none());
    let key = store.address_key().unwrap();
    assert!(store.find_key_of_suppressions().unwrap().is_none());
    let new = [
        suppression(&key, "ann@example.org", "all", Unsubscribed),
        suppression(&key, "bob@example.org", "everything", Bounced),
        suppression(&key, "bob@example.org", "all", Unsubscribed),
        suppression(&key, "eve@example.org", "event:7", Unsubscribed),
        suppression(&key, "joe@example.org", "kind:REMINDER", Blocked),
        suppression(&key, "kim@example.org", "kind:CANCELLED", Complained),
    ];
    assert_eq!(store.add_suppressions(&new).unwrap(), 6);
    assert!(store.find_key_of_suppressions().unwrap().is_some());
    let hashes: Vec<AddressHash> =
        new.iter().map(|one| one.hash).chain(key.hash("zoe@example.org")).collect();
    let find = |kind, event_id| {
        let found = store.find_suppressed(&hashes, kind, event_id).unwrap();
        let reason = |name: &str| {
            let hash = key.hash(&format!("{name}@EXAMPLE.org")).unwrap();
            found.get(&hash).map(|reason| (name.to_owned(), *reason))
        };
        ["ann", "bob", "eve", "joe", "kim", "zoe"].into_iter().filter_map(reason).collect::<Vec<_>>()
    };
    let reasons = |all: &[(&str, SuppressionReason)]| -> Vec<(String, SuppressionReason)> {
        all.iter().map(|(name, reason)| ((*name).to_owned(), *reason)).collect()
    };
    let everywhere = [("ann", Unsubscribed), ("bob", Bounced)];
    assert_eq!(find(Kind::Updated, Some(OTHER_EVENT)), reasons(&everywhere));
    assert_eq!(find(Kind::Notice, None), reasons(&everywhere));
    let of_event = [("ann", Unsubscribed), ("bob", Bounced), ("eve", Unsubscribed)];
    assert_eq!(find(Kind::Updated, Some(EVENT)), reasons(&of_event));
    let reminder = [("ann", Unsubscribed), ("bob", Bounced), ("eve", Unsubscribed), ("joe", Blocked)];
    assert_eq!(find(Kind::Reminder, Some(EVENT)), reasons(&reminder));
    assert_eq!(find(Kind::Cancelled, Some(EVENT)), reasons(&[("bob", Bounced), ("kim", Complained)]));
    assert_eq!(store.find_suppressed(&[], Kind::Updated, None).unwrap(), HashMap::new());
    execute(store, "UPDATE suppressions SET reason = 'by hand'");
    assert_eq!(find(Kind::Notice, None), reasons(&[("ann", Blocked), ("bob", Blocked)]));
}

pub fn keys_of_events_that_are_text_are_told_apart_in_scopes(store: &Store) {
    let key = store.address_key().unwrap();
    let keys = ["ball", "Ball", "ball ", "b\u{e4}ll", "\u{1f389}", &"x".repeat(200)];
    let event = |key: &str| EventId::from_text(key).unwrap();
    let of = |event_key: &str| NewSuppression {
        scope: SuppressionScope::Event(event(event_key)),
        ..suppression(&key, &format!("{}@example.org", event_key.len()), "all", Unsubscribed)
    };
    for event_key in keys {
        assert_eq!(store.add_suppressions(&[of(event_key)]).unwrap(), 1, "{event_key}");
    }
    let hashes: Vec<AddressHash> = keys.iter().map(|event_key| of(event_key).hash).collect();
    for event_key in ["ball", "ball ", "\u{1f389}"] {
        let found = store.find_suppressed(&hashes, Kind::Updated, Some(event(event_key))).unwrap();
        assert_eq!(found.len(), 1, "{event_key}");
    }
}

pub fn a_suppression_is_added_once_and_stays_as_it_is(store: &Store) {
    let key = store.address_key().unwrap();
    let first = suppression(&key, "ann@example.org", "all", Unsubscribed);
    let again = NewSuppression { reason: Blocked, address: None, ..first.clone() };
    let other = suppression(&key, "bob@example.org", "all", Blocked);
    assert_eq!(store.count_new_suppressions(&[first.clone(), again.clone()]).unwrap(), 1);
    assert_eq!(store.add_suppressions(&[first.clone(), again.clone()]).unwrap(), 1);
    assert_eq!(store.count_new_suppressions(&[again.clone(), other.clone()]).unwrap(), 1);
    assert_eq!(store.add_suppressions(&[again, other, first]).unwrap(), 1);
    let all = list(store, SuppressionFilter::default(), 10);
    let mut shown: Vec<(Option<&str>, &str, &str)> =
        all.iter().map(|one| (one.address.as_deref(), one.reason.as_str(), one.source.as_str())).collect();
    shown.sort_unstable();
    assert_eq!(
        shown,
        [
            (Some("ann@example.org"), "unsubscribed", "command"),
            (Some("bob@example.org"), "blocked", "command")
        ]
    );
    let clock = store.run("read the clock", dispatch::clock).unwrap();
    assert!(all.iter().all(|one| (clock - one.created_at).abs() < chrono::TimeDelta::minutes(1)));
}

pub fn processes_may_add_the_same_suppressions_at_once(store: &Store) {
    let key = store.address_key().unwrap();
    let new = |n| suppression(&key, &format!("p{n}@example.org"), "all", Bounced);
    let new: Vec<NewSuppression> = (0..300).map(new).collect();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope
                .spawn(|| new.chunks(20).for_each(|new| assert!(store.add_suppressions(new).unwrap() <= 20)));
        }
    });
    assert_eq!(list(store, SuppressionFilter::default(), 1000).len(), 300);
}

pub fn suppressions_are_listed_in_pages_and_removed(store: &Store) {
    let key = store.address_key().unwrap();
    let mut new = Vec::new();
    for n in 0..2_500 {
        let address = format!("p{n}@example.org");
        new.push(suppression(&key, &address, "all", Unsubscribed));
        if n % 5 == 0 {
            new.push(suppression(&key, &address, "everything", Bounced));
            new.push(suppression(&key, &address, "event:7", Unsubscribed));
        }
    }
    assert_eq!(store.add_suppressions(&new).unwrap(), 3_500);
    let everything = SuppressionFilter::default();
    let all = list(store, everything, 7);
    assert_eq!(all.len(), 3_500);
    assert!(all.is_sorted_by(|one, next| (one.hash, &one.scope) < (next.hash, &next.scope)));
    let hash = key.hash("p5@example.org");
    let of_one = SuppressionFilter { hash, ..everything };
    let bounced = SuppressionFilter { reason: Some(Bounced), ..everything };
    let of_event = SuppressionFilter { scope: Some(SuppressionScope::Event(EVENT)), ..everything };
    assert_eq!([of_one, bounced, of_event].map(|filter| list(store, filter, 100).len()), [3, 500, 500]);
    let of_one_and_event = SuppressionFilter { hash, ..of_event };
    assert_eq!(store.remove_suppressions(of_one_and_event).unwrap(), 1);
    assert_eq!(store.remove_suppressions(of_one_and_event).unwrap(), 0);
    assert_eq!(store.remove_suppressions(of_one).unwrap(), 2);
    assert_eq!(store.remove_suppressions(bounced).unwrap(), 499);
    assert_eq!(list(store, everything, 500).len(), 2_998);
}

pub fn opt_outs_are_found_as_addresses_are_written_and_in_small_letters(store: &Store) {
    execute(store, "CREATE TABLE optouts (email VARCHAR(200), scope VARCHAR(200))");
    execute(
        store,
        "INSERT INTO optouts (email) VALUES ('Ann@Example.org'), ('bob@example.org'), ('jo@b\u{fc}cher.example'), \
         ('kim@xn--bcher-kva.example')",
    );
    let lookup = store.suppression_lookup(true).unwrap().unwrap();
    let written = [
        "Ann@Example.org",
        "Bob@EXAMPLE.org",
        "Jo@B\u{fc}cher.example",
        "KIM@B\u{dc}CHER.example",
        "zoe@example.org",
    ];
    let found = store.find_reasons(&lookup, &written, Kind::Updated, Some(EVENT)).unwrap();
    let missing: Vec<&str> = written.into_iter().filter(|address| !found.contains_key(*address)).collect();
    assert_eq!(missing, ["zoe@example.org"]);
}
