//! Completes a notification, after the ledger has checked that everyone is decided or deferred. On `PostgreSQL` a participant
//! may be committed late with a lower key than those whose pages were read already. Sending to people who are found late is
//! left to `fan_out`.

use std::time::Duration;

use crossbeam_channel::{bounded, select};

use crate::domain::ids::ParticipantId;
use crate::domain::outcome::Counts;
use crate::observe::events;
use crate::store::ledger::completion::{Completing, Completion};
use crate::store::ledger::decided::DecidedPage;
use crate::worker::database_retry::Stopped;
use crate::worker::fan_out::claim::{Claim, Scope};
use crate::worker::fan_out::context::{Context, Halt, PARTICIPANTS, read_data, read_data_and_write};
use crate::worker::recorder::entry::LedgerWrite;

/// Participants that are looked at in one query.
const CHECKED_PAGE: u32 = 1_000;

/// How many passes in a row may find no participant although the check says that one is undecided. After them the tables
/// contradict themselves, as a view over `participants` may, and asking again would never end.
const MAX_EMPTY_PASSES: u32 = 3;

/// Pause after such a pass.
const EMPTY_PASS_PAUSE: Duration = Duration::from_secs(1);

/// How long a fan-out that is to stop waits for its completion: that is probably being committed.
const STOPPING_GRACE: Duration = Duration::from_secs(1);

/// The completion of one notification, over all passes over its participants.
#[derive(Debug)]
pub(super) struct CompletionCheck {
    /// Passes that have found no participant, in a row.
    empty_passes: u32,
    pause: Duration,
}

impl Default for CompletionCheck {
    fn default() -> Self {
        Self { empty_passes: 0, pause: EMPTY_PASS_PAUSE }
    }
}

impl CompletionCheck {
    /// Completes the notification after a pass over its participants with these `counts`, unless the recorder has tried it
    /// already with this `completion`. `false` when a participant is undecided: then another pass is due.
    ///
    /// # Errors
    /// When a shutdown is requested first, or the lease is lost.
    pub(super) fn complete(
        &mut self,
        context: &Context,
        claim: &Claim,
        counts: Counts,
        completion: Option<Completion>,
    ) -> Result<bool, Halt> {
        self.empty_passes = if counts.total() == 0 { self.empty_passes + 1 } else { 0 };
        let completion = match completion {
            Some(completion) => completion,
            None => check_and_complete(context, claim, counts)?,
        };
        match completion {
            Completion::Completed => {
                context.metrics.times.completion.observe_since(claim.published_at);
                Ok(true)
            }
            Completion::LeaseLost => Err(Halt::TakenOver),
            Completion::Undecided => self.undecided(context, claim),
        }
    }

    fn undecided(&mut self, context: &Context, claim: &Claim) -> Result<bool, Halt> {
        if self.empty_passes > MAX_EMPTY_PASSES {
            events::notification::completed_unchecked(&claim.notification, self.empty_passes);
            let unchecked = Completing { after: Some(ParticipantId::MAX), ..completing(claim) };
            return match record_completion(context, claim, unchecked)? {
                Completion::Completed => Ok(true),
                Completion::Undecided | Completion::LeaseLost => Err(Halt::TakenOver),
            };
        }
        if self.empty_passes > 0 && context.shutdown.wait(self.pause) {
            return Err(Halt::Stopping);
        }
        events::notification::found_late(&claim.notification);
        Ok(false)
    }
}

/// Whether one query checks all participants when the notification is completed.
pub(super) fn is_short(participants: u64) -> bool {
    participants <= CHECKED_PAGE.into()
}

fn check_and_complete(context: &Context, claim: &Claim, counts: Counts) -> Result<Completion, Halt> {
    match check_all_but_last_page(context, claim, counts)? {
        Some(completing) => record_completion(context, claim, completing),
        None => Ok(Completion::Undecided),
    }
}

/// Completes the notification of the claim if everyone is found decided then.
fn completing(claim: &Claim) -> Completing {
    Completing { lease: claim.held.lease, after: None, listed: claim.notification.audience.is_listed() }
}

/// Finds up to which participant everyone is known to be decided, so that only a last page is left to be checked when the
/// notification is completed. `None` when one is undecided.
fn check_all_but_last_page(
    context: &Context,
    claim: &Claim,
    counts: Counts,
) -> Result<Option<Completing>, Halt> {
    let mut completing = completing(claim);
    if !claim.resumed && is_short(counts.total()) {
        return Ok(Some(completing));
    }
    loop {
        let find = || context.store.find_decided_end(&claim.notification, completing.after, CHECKED_PAGE);
        match read_data(&context.database_retry, PARTICIPANTS, find)? {
            DecidedPage::Last => return Ok(Some(completing)),
            DecidedPage::Undecided => return Ok(None),
            DecidedPage::UpTo(last) => completing.after = Some(last),
        }
        if context.shutdown.requested() {
            return Err(Halt::Stopping);
        }
    }
}

/// Has the recorder complete the notification, together with others, unless it was set aside. If that fails, repeats it until the
/// database answers.
fn record_completion(context: &Context, claim: &Claim, completing: Completing) -> Result<Completion, Halt> {
    if claim.scope != Scope::SetAside
        && let Some(completion) = ask_recorder(context, completing)?
    {
        return Ok(completion);
    }
    let complete = || {
        if claim.scope == Scope::SetAside {
            return context.store.complete_set_aside(completing);
        }
        let completions = context.store.complete_notifications(&[completing])?;
        Ok(completions.first().copied().unwrap_or(Completion::LeaseLost))
    };
    let read = || context.store.find_decided_end(&claim.notification, completing.after, CHECKED_PAGE);
    read_data_and_write(&context.database_retry, PARTICIPANTS, complete, read)
}

/// Has the recorder complete the notification; `None` when that fails.
fn ask_recorder(context: &Context, completing: Completing) -> Result<Option<Completion>, Stopped> {
    let Completing { lease, after, listed } = completing;
    let (reply, replies) = bounded(1);
    context.batch_sender.flush(context.batch_sender.push(LedgerWrite::Complete {
        lease,
        after,
        listed,
        reply,
    }));
    Ok(select! {
        recv(replies) -> completion => completion.ok(),
        recv(context.shutdown.receiver()) -> _ => {
            Some(replies.recv_timeout(STOPPING_GRACE).map_err(|_| Stopped)?)
        }
    })
}

#[cfg(test)]
mod tests;
