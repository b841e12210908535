//! What a person has chosen, as the list of suppressions has it, and changing it.

use crate::content::unsubscribe_page::choice::{ChoiceMade, ChoicePage, ChoiceState, UnsubscribeChoice};
use crate::domain::kind::Kind;
use crate::domain::suppression::{SuppressionReason, SuppressionScope, SuppressionSource};
use crate::domain::unsubscribe_token::UnsubscribeToken;
use crate::http::unsubscribe::form::FormAction;
use crate::observe::events::unsubscribing::Changed;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::suppressions::{NewSuppression, SuppressionFilter};

/// Most rows of one address that are looked at.
const ROWS_MAX: u32 = 1000;

/// Does what the form says, if there is one. Returns the page with what is chosen then, and what has changed.
pub(super) fn carry_out(
    store: &Store,
    token: &UnsubscribeToken,
    action: Option<FormAction>,
) -> Result<(ChoicePage, Option<Changed>), StoreError> {
    let (made, changed) = match action.map(|action| button(token, action)) {
        None => (None, None),
        Some((choice, made)) => (Some(made), change(store, token, choice, made)?),
    };
    let choices = choices(store, token)?;
    let event = token.event_id.and_then(|id| {
        // Its title is an extra: a view of the application may fail for a row.
        store.find_event(id).inspect_err(|error| log::debug!("http: {error}")).ok().flatten()
    });
    Ok((ChoicePage { kind: token.kind, event, choices, made }, changed))
}

/// The button that it is. One click stops what the mail's `List-Id` names: the mails about its event. A mail about none is one of its kind.
fn button(token: &UnsubscribeToken, action: FormAction) -> (UnsubscribeChoice, ChoiceMade) {
    match action {
        FormAction::Button(choice, made) => (choice, made),
        FormAction::OneClick if token.event_id.is_some() => (UnsubscribeChoice::Event, ChoiceMade::Stopped),
        FormAction::OneClick => (UnsubscribeChoice::Kind, ChoiceMade::Stopped),
    }
}

/// `None` for a mail about no event, which has no mails of its event.
fn scope(token: &UnsubscribeToken, choice: UnsubscribeChoice) -> Option<SuppressionScope> {
    match choice {
        UnsubscribeChoice::Event => token.event_id.map(SuppressionScope::Event),
        UnsubscribeChoice::Kind => Some(SuppressionScope::Kind(token.kind)),
        UnsubscribeChoice::All => Some(SuppressionScope::All),
        UnsubscribeChoice::Cancellations => Some(SuppressionScope::Kind(Kind::Cancelled)),
    }
}

/// Stops or resumes such mails. Only what people have stopped themselves is resumed. `None` if it was so already.
fn change(
    store: &Store,
    token: &UnsubscribeToken,
    choice: UnsubscribeChoice,
    made: ChoiceMade,
) -> Result<Option<Changed>, StoreError> {
    let Some(scope) = scope(token, choice) else { return Ok(None) };
    let count = match made {
        ChoiceMade::Stopped => store.add_suppressions(&[NewSuppression {
            hash: token.address,
            address: None,
            scope,
            reason: SuppressionReason::Unsubscribed,
            source: SuppressionSource::Link,
        }])?,
        ChoiceMade::Resumed => store.remove_suppressions(SuppressionFilter {
            hash: Some(token.address),
            scope: Some(scope),
            reason: Some(SuppressionReason::Unsubscribed),
        })?,
    };
    let changed = match made {
        ChoiceMade::Stopped => Changed::Stopped(scope),
        ChoiceMade::Resumed => Changed::Resumed(scope),
    };
    Ok((count > 0).then_some(changed))
}

/// What there is to choose, and how it stands. Where all is stopped, there is no more to stop but cancellations.
fn choices(
    store: &Store,
    token: &UnsubscribeToken,
) -> Result<Vec<(UnsubscribeChoice, ChoiceState)>, StoreError> {
    let filter = SuppressionFilter { hash: Some(token.address), ..SuppressionFilter::default() };
    let rows = store.list_suppressions(filter, None, ROWS_MAX)?;
    let find = |scope: SuppressionScope| rows.iter().find(|row| row.scope == scope.word());
    let everything = find(SuppressionScope::Everything).is_some();
    let state = |choice| {
        let row = scope(token, choice).and_then(find);
        match row.map(|row| row.reason == SuppressionReason::Unsubscribed.as_str()) {
            _ if everything => ChoiceState::Blocked,
            None => ChoiceState::Wanted,
            Some(true) => ChoiceState::Stopped,
            Some(false) => ChoiceState::Blocked,
        }
    };
    let all = state(UnsubscribeChoice::All);
    let is_shown = |choice: &UnsubscribeChoice| match choice {
        UnsubscribeChoice::Event => token.event_id.is_some() && all == ChoiceState::Wanted,
        UnsubscribeChoice::Kind => all == ChoiceState::Wanted && token.kind != Kind::Cancelled,
        UnsubscribeChoice::All => true,
        UnsubscribeChoice::Cancellations => {
            !everything && (all != ChoiceState::Wanted || state(*choice) != ChoiceState::Wanted)
        }
    };
    Ok(UnsubscribeChoice::EVERY.into_iter().filter(is_shown).map(|choice| (choice, state(choice))).collect())
}

#[cfg(test)]
mod tests;
