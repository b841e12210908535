//! Choices over a database.

use tempfile::TempDir;

use super::*;
use crate::config::database::{Backend, DatabaseConfig};
use crate::domain::address_hash::AddressKey;
use crate::domain::ids::EventId;
use UnsubscribeChoice::{All, Cancellations, Event};

type Choices = Vec<(UnsubscribeChoice, ChoiceState)>;

fn store() -> (Store, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let config = DatabaseConfig {
        backend: Backend::Sqlite(dir.path().join("unsubscribe.db")),
        echo: false,
        default_file: None,
    };
    let store = Store::connect(&config, 1).unwrap();
    store.migrate().unwrap();
    (store, dir)
}

fn token(kind: Kind, event_id: Option<EventId>) -> UnsubscribeToken {
    let address = AddressKey::sample().hash("ada@example.com").unwrap();
    UnsubscribeToken { address, kind, event_id, locale: None }
}

fn about_event() -> UnsubscribeToken {
    token(Kind::Updated, Some(EventId::Number(7)))
}

fn press(store: &Store, choice: UnsubscribeChoice, made: ChoiceMade) -> (Choices, Option<Changed>) {
    let (page, changed) = carry_out(store, &about_event(), Some(FormAction::Button(choice, made))).unwrap();
    assert_eq!(page.made, Some(made));
    (page.choices, changed)
}

fn scopes(store: &Store) -> Vec<String> {
    let rows = store.list_suppressions(SuppressionFilter::default(), None, 10).unwrap();
    rows.into_iter().map(|row| row.scope).collect()
}

const WANTED: ChoiceState = ChoiceState::Wanted;
const STOPPED: ChoiceState = ChoiceState::Stopped;

#[test]
fn looking_changes_nothing() {
    let (store, _dir) = store();
    let (page, changed) = carry_out(&store, &about_event(), None).unwrap();
    assert_eq!(page.choices, [(Event, WANTED), (UnsubscribeChoice::Kind, WANTED), (All, WANTED)]);
    assert_eq!((page.made, changed, page.event), (None, None, None));
    assert!(scopes(&store).is_empty());
}

#[test]
fn each_button_stops_its_mails_and_is_undone() {
    let (store, _dir) = store();
    for (choice, scope) in [
        (Event, SuppressionScope::Event(EventId::Number(7))),
        (UnsubscribeChoice::Kind, SuppressionScope::Kind(Kind::Updated)),
        (All, SuppressionScope::All),
        (Cancellations, SuppressionScope::Kind(Kind::Cancelled)),
    ] {
        for changed in [Some(Changed::Stopped(scope)), None] {
            let (choices, found) = press(&store, choice, ChoiceMade::Stopped);
            assert!(choices.contains(&(choice, STOPPED)), "{choices:?}");
            assert_eq!((found, scopes(&store)), (changed, vec![scope.word()]));
        }
        for changed in [Some(Changed::Resumed(scope)), None] {
            let (choices, found) = press(&store, choice, ChoiceMade::Resumed);
            assert!(!choices.contains(&(choice, STOPPED)), "{choices:?}");
            assert_eq!((found, scopes(&store)), (changed, Vec::new()));
        }
    }
}

#[test]
fn where_all_is_stopped_cancellations_are_left_to_choose() {
    let (store, _dir) = store();
    let (choices, _) = press(&store, All, ChoiceMade::Stopped);
    assert_eq!(choices, [(All, STOPPED), (Cancellations, WANTED)]);
    let (choices, _) = press(&store, Cancellations, ChoiceMade::Stopped);
    assert_eq!(choices, [(All, STOPPED), (Cancellations, STOPPED)]);
}

#[test]
fn one_click_stops_the_mails_about_the_event_or_those_of_the_kind() {
    let (store, _dir) = store();
    let click = |token: &UnsubscribeToken| carry_out(&store, token, Some(FormAction::OneClick)).unwrap().1;
    let event = SuppressionScope::Event(EventId::Number(7));
    assert_eq!(click(&about_event()), Some(Changed::Stopped(event)));
    let notices = SuppressionScope::Kind(Kind::Notice);
    assert_eq!(click(&token(Kind::Notice, None)), Some(Changed::Stopped(notices)));
}

#[test]
fn what_others_have_stopped_stays_so() {
    let (store, _dir) = store();
    let add = |scope, reason| {
        let new = NewSuppression {
            hash: about_event().address,
            address: None,
            scope,
            reason,
            source: SuppressionSource::Command,
        };
        assert_eq!(store.add_suppressions(&[new]).unwrap(), 1);
    };
    add(SuppressionScope::All, SuppressionReason::Blocked);
    let (choices, changed) = press(&store, All, ChoiceMade::Resumed);
    assert_eq!((choices, changed), (vec![(All, ChoiceState::Blocked), (Cancellations, WANTED)], None));
    add(SuppressionScope::Everything, SuppressionReason::Bounced);
    let (page, _) = carry_out(&store, &about_event(), None).unwrap();
    assert_eq!(page.choices, [(All, ChoiceState::Blocked)]);
}
