//! The story of one notification: wait until no other worker has it, look up its event, page its participants, send each
//! of them to the lanes, wait for every outcome, complete it.
//!
//! ```text
//! run ─► wait for our turn ─► look up event ─► send_and_complete ─► Completed
//!             │      ▲                │ │              │  │
//!             │      └────────────────┼─┼──────────────┘  │ the lease is lost
//!             │                       │ └─────────────────┴─► SetAside: something cannot be read
//!             │                       └─► DeadLetter: no such event
//!             └─► Completed or abandoned by another worker, or Vanished: its row is not there any more
//!                                                      a shutdown, at any point ─► Interrupted
//! ```
//!
//! One that a newer notification of its event supersedes ends at once, as completed (`fan_out/superseding`).
//!
//! Start reading fanmail here, from top to bottom. How a lease is waited for stands in `fan_out/turn`.
//! Rendering and SMTP are left to the lanes (`delivery`), writing outcomes to the `recorder`, and messages and acks to
//! the `dispatcher`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::{Receiver, unbounded};

use crate::domain::outcome::Counts;
use crate::domain::priority::Priority;
use crate::observe::events;
use crate::observe::events::notification::CompletedRun;
use crate::store::ledger::completion::Completion;
use crate::worker::database_retry::Stopped;
use crate::worker::delivery::job::Job;
use crate::worker::delivery::queue::FairSender;
use crate::worker::fan_out::claim::{Claim, OpenedMessage, Scope};
use crate::worker::fan_out::completion::CompletionCheck;
use crate::worker::fan_out::context::{Context, FanOutResult, Halt};
use crate::worker::fan_out::eligibility::Eligibility;
use crate::worker::fan_out::pages::Pages;
use crate::worker::fan_out::progress::ProgressWatch;
use crate::worker::fan_out::retries::{RetryQueue, WhoseTurn};
use crate::worker::fan_out::turn::{Leased, Turn, wait_for_next_turn, wait_for_turn};
use crate::worker::fan_out::wait_permit::WaitPermit;
use crate::worker::fan_out_handle::{FanOutHandle, Report};
use crate::worker::recipient::Recipient;

pub mod audience;
pub mod claim;
mod completion;
pub mod context;
pub mod counting;
mod deferring;
mod dry_run;
pub mod due;
mod eligibility;
mod event_lookup;
mod followers;
mod given;
mod listed;
mod mails;
mod one_mail_per_address;
mod order;
pub mod page;
pub mod pages;
mod people;
mod previous;
mod progress;
mod reading;
mod reminder;
mod reports;
pub mod retries;
mod row_by_row;
mod set_aside;
pub mod shared_addresses;
pub mod superseding;
pub mod turn;
mod unreadable;
mod unserved;
pub mod wait_permit;

/// Runs the fan-out of one message, to its end or until a shutdown is requested.
#[must_use]
pub fn run(context: &Context, opened: &OpenedMessage) -> FanOutResult {
    run_to_end(context, opened).unwrap_or_else(FanOutResult::from)
}

fn run_to_end(context: &Context, opened: &OpenedMessage) -> Result<FanOutResult, Stopped> {
    let mut turn = wait_for_turn(context, opened)?;
    loop {
        let leased = match turn {
            Turn::Ours(leased) => leased,
            Turn::Over(result) => return Ok(result),
        };
        turn = match run_leased(context, &leased) {
            Ok(result) => return Ok(result),
            Err(Halt::Unreadable(what)) => match leased.set_aside(context, &what)? {
                Some(result) => return Ok(result),
                None => wait_for_next_turn(context, opened, &leased)?,
            },
            Err(Halt::TakenOver | Halt::Superseded(_)) => wait_for_next_turn(context, opened, &leased)?,
            Err(Halt::Stopping) => {
                context.leases.release(&leased.held);
                return Err(Stopped);
            }
        };
    }
}

/// Looks up the event, sends to everyone, and completes the notification. Once a newer one supersedes it, everyone else is skipped.
///
/// # Errors
/// When a shutdown is requested first, another worker has taken over, or something cannot be read.
pub(super) fn run_leased(context: &Context, leased: &Leased) -> Result<FanOutResult, Halt> {
    match look_up_and_send(context, leased) {
        Err(Halt::Superseded(newer)) => leased.close_for(context, newer),
        result => result,
    }
}

fn look_up_and_send(context: &Context, leased: &Leased) -> Result<FanOutResult, Halt> {
    if let Some(left) = leased.check_dry_run(context)? {
        return Ok(left);
    }
    let has_older = leased.check_newer(context)?;
    let facts = match event_lookup::look_up(context, &leased.notification, leased.details.as_ref())? {
        Ok(found) => found,
        Err(missing) => return leased.abandon(context, &missing),
    };
    if let Some(reason) = reminder::why_not(context, &leased.notification, facts.event.as_ref())? {
        return leased.leave_out(context, &reason);
    }
    leased.end_older(context, has_older)?;
    let mut claim = leased.start(context, facts)?;
    send_and_complete(context, &mut claim)?;
    Ok(FanOutResult::Completed(claim.notification))
}

/// Sends to everyone who has no outcome yet, then completes the notification. People whom the ledger finds undecided then are
/// sent to in another pass.
fn send_and_complete(context: &Context, claim: &mut Claim) -> Result<(), Halt> {
    let (notification, was_resumed) = (claim.notification, claim.resumed);
    let (started_at, mut counts) = (Instant::now(), Counts::default());
    let mut check = CompletionCheck::default();
    let mut watch = ProgressWatch::start(context, claim, started_at)?;
    loop {
        let mut so_far = counts;
        let sent = send(context, claim, !claim.resumed, |pass| {
            so_far = counts;
            so_far += pass;
            watch.advanced(so_far, Instant::now());
        });
        if sent == Err(Halt::Stopping) {
            events::notification::interrupted(&notification, so_far);
        }
        let (pass, completion) = sent?;
        counts += pass;
        if check.complete(context, claim, pass, completion)? {
            break;
        }
        claim.resumed = true;
    }
    let deferred_for = context.retry_policy.longest_deferral();
    let run = CompletedRun { before: watch.before(), counts, lasted: started_at.elapsed(), deferred_for };
    events::notification::completed(&context.metrics, &notification, &run);
    if counts.total() == 0 && !was_resumed {
        events::notification::without_participants(&notification);
    }
    Ok(())
}

/// Sends to everyone in the scope of the claim, and returns once each of them has an outcome or is deferred. `on_progress`
/// gets the counts each time that outcomes are recorded.
///
/// # Errors
/// When a shutdown is requested first, another worker has taken over, or something cannot be read. Then every job in flight
/// has been reported.
pub fn send_claimed(
    context: &Context,
    claim: &Claim,
    on_progress: impl FnMut(Counts),
) -> Result<Counts, Halt> {
    send(context, claim, false, on_progress).map(|(counts, _)| counts)
}

/// The same. If it `completes`, the recorder may complete the notification with the last outcomes.
fn send(
    context: &Context,
    claim: &Claim,
    completes: bool,
    mut on_progress: impl FnMut(Counts),
) -> Result<(Counts, Option<Completion>), Halt> {
    let mut fan_out = FanOut::new(context, claim, completes)?;
    let result = fan_out.run(claim.notification.priority, &mut on_progress);
    if result.is_err() {
        fan_out.wait_for_jobs_in_flight(&mut on_progress);
    }
    result?;
    match fan_out.pages.unreadable() {
        Some(what) => Err(Halt::Unreadable(what)),
        None => Ok((fan_out.counts, fan_out.completion)),
    }
}

/// A fan-out that is running.
struct FanOut<'a> {
    context: &'a Context,
    handle: Arc<FanOutHandle>,
    reports: Receiver<Report>,
    pages: Pages,
    eligibility: Eligibility,
    /// The next recipient, for whom the lanes had no slot.
    unsent: Option<Recipient>,
    /// Recipients that can be sent at once: those of the page, and jobs that came back unsent.
    ready: VecDeque<Recipient>,
    /// Recipients whose next attempt is not due yet.
    retries: RetryQueue,
    /// Recipients who come later because another mail is a better probe of a relay that refuses everyone.
    passed_over: VecDeque<Recipient>,
    /// Whose turn it is.
    turn: WhoseTurn,
    /// Jobs that were sent to the lanes and are not reported yet.
    in_flight: u64,
    counts: Counts,
    /// Whether this fan-out needs a permit to wait for retries: the broker waits for the ack of its message.
    needs_wait_permit: bool,
    wait_permit: Option<WaitPermit<'a>>,
    /// Whether the recorder may complete the notification.
    completes: bool,
    /// Whether it was told that the jobs in flight are the last ones.
    expects_last: bool,
    /// What became of that.
    completion: Option<Completion>,
}

impl<'a> FanOut<'a> {
    /// # Errors
    /// When a shutdown is requested first, or the templates of a route are gone.
    fn new(context: &'a Context, claim: &Claim, completes: bool) -> Result<Self, Halt> {
        let (sender, reports) = unbounded();
        let (handle, eligibility) = mails::prepare(context, claim, sender)?;
        Ok(Self {
            context,
            handle: Arc::new(handle),
            reports,
            pages: Pages::new(claim, context),
            eligibility,
            unsent: None,
            ready: VecDeque::new(),
            retries: RetryQueue::default(),
            passed_over: VecDeque::new(),
            turn: WhoseTurn::Again,
            in_flight: 0,
            counts: Counts::default(),
            needs_wait_permit: claim.scope == Scope::Undecided && context.retry_policy.defers(),
            wait_permit: None,
            completes,
            expects_last: false,
            completion: None,
        })
    }

    /// Returns once every page is read, no recipient is left, and no job is in flight.
    fn run(&mut self, priority: Priority, on_progress: &mut impl FnMut(Counts)) -> Result<(), Halt> {
        let mut jobs = self.context.jobs.fair_sender(priority);
        loop {
            self.check_interrupts()?;
            self.apply_reports(on_progress);
            if let Some(recipient) = self.next_recipient() {
                self.send(recipient, &mut jobs)?;
            } else if self.may_read_page() {
                self.read_page()?;
            } else if self.in_flight > 0 || self.may_wait_for_retries() {
                jobs.release_slot();
                self.expect_last();
                self.wait(on_progress)?;
            } else if !self.retries.is_empty() {
                self.defer_retries();
            } else {
                return Ok(());
            }
        }
    }

    /// Sends a recipient to the lanes. While they are busy, reads ahead or waits for a slot in their queue.
    fn send(&mut self, recipient: Recipient, jobs: &mut FairSender<'_>) -> Result<(), Halt> {
        self.revoke_last();
        let Err(job) = jobs.try_send(Job { fan_out: Arc::clone(&self.handle), recipient }) else {
            self.in_flight += 1;
            return Ok(());
        };
        self.unsent = Some(job.recipient);
        if self.ready.len() <= self.context.page_size as usize / 2 && self.may_read_page() {
            return self.read_page();
        }
        jobs.wait(&self.context.shutdown, &self.handle.held);
        Ok(())
    }
}
