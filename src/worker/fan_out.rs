//! THE STORY of one notification: look up its event, open it in the ledger, page its people, hand them to the
//! lanes, wait for every outcome, close.
//!
//! Whoever reads this file from top to bottom understands fanmail. How mails look and are sent, how outcomes are
//! written and how messages come and go is told elsewhere.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, at, never, select, unbounded};

use crate::domain::event::Event;
use crate::domain::message::Message;
use crate::domain::message::identity::Identity;
use crate::domain::notification::Notification;
use crate::domain::outcome::Counts;
use crate::store::ledger::notifications::Opened;
use crate::worker::database_retry::Stopped;
use crate::worker::delivery::job::Job;
use crate::worker::fan_out::audience::Pages;
use crate::worker::fan_out::context::{Context, FanOutResult, Halt};
use crate::worker::fan_out::retries::RetryQueue;
use crate::worker::fan_out_handle::{FanOutHandle, Report};
use crate::worker::lease::held::HeldLease;
use crate::worker::lease::keeper::Claim;
use crate::worker::recipient::Recipient;

pub mod audience;
pub mod context;
pub mod retries;

/// How often an event that is not in the database is looked up again.
const EVENT_LOOK: Duration = Duration::from_millis(500);
/// While so many people wait for a retry, no further page is read: that bounds the memory, to about 2 MiB.
const MOST_WAITING: usize = 10_000;
/// How often a long fan-out tells the log how far it is.
const PROGRESS: Duration = Duration::from_secs(30);

/// Tells the story of one message.
#[must_use]
pub fn run(context: &Context, identity: &Identity, message: Message) -> FanOutResult {
    story(context, identity, message).unwrap_or(FanOutResult::Interrupted)
}

fn story(context: &Context, identity: &Identity, message: Message) -> Result<FanOutResult, Stopped> {
    let Some(event) = look_up_event(context, message.event_id)? else {
        return Ok(FanOutResult::DeadLetter(format!(
            "event {} is not in the database, and did not appear within {} s",
            message.event_id,
            context.event_lookup_grace.as_secs()
        )));
    };

    let leases = &context.leases;
    let mut asked = Instant::now();
    let opened = context.database_retry.until_ok(|| {
        asked = Instant::now();
        context.store.open_notification(identity, message, leases.lease_request())
    })?;
    if opened.by_hint(identity) {
        context.metrics.redelivered_decided.add(1);
    }
    let (notification, mut claim, mut resumed) = match opened {
        Opened::Ours { notification, lease, resumed } => {
            (notification, Claim::Held(leases.track(lease, asked)), resumed)
        }
        Opened::Elsewhere(notification) => (notification, leases.wait_for_claim(notification.id)?, true),
        Opened::Completed(notification) => (notification, Claim::Completed, true),
        Opened::Conflict(first) => {
            return Ok(FanOutResult::DeadLetter(format!(
                "its message_id was used before, by notification {} for {first}; give every message an id of its \
                 own",
                first.id
            )));
        }
    };

    let id = notification.id;
    while let Claim::Held(held) = claim {
        log::info!(
            "notification {id} ({message}) {}{}",
            if resumed { "goes on" } else { "begins" },
            if context.dummy { "; the dummy is on, NOTHING IS REALLY SENT" } else { "" }
        );
        match send_and_close(context, notification, &held, resumed, &event) {
            Ok(()) => return Ok(FanOutResult::Completed(notification)),
            Err(Halt::Stopping) => {
                leases.release(&held);
                return Err(Stopped);
            }
            Err(Halt::TakenOver) => {
                log::warn!(
                    "notification {id} ({message}) was taken over by another worker while this one was frozen or cut \
                     off from the database; the mails that were just being sent may be sent twice"
                );
                claim = leases.wait_for_claim(id)?;
                resumed = true;
            }
        }
    }
    log::info!("notification {id} ({message}) was completed before; acked");
    Ok(FanOutResult::Completed(notification))
}

/// Sends to everyone who has no outcome yet, then closes the notification.
fn send_and_close(
    context: &Context,
    notification: Notification,
    held: &Arc<HeldLease>,
    resumed: bool,
    event: &Event,
) -> Result<(), Halt> {
    let id = notification.id;
    let begun = Instant::now();
    let mut told = begun;
    let counts = send_to_undecided(context, notification, held, resumed, event, |counts| {
        if told.elapsed() >= PROGRESS {
            told = Instant::now();
            log::info!("notification {id}: {} sent, {} failed so far", counts.sent, counts.failed);
        }
    })?;

    if !context.database_retry.until_ok(|| context.store.complete_notification(held.lease))? {
        return Err(Halt::TakenOver);
    }
    context.metrics.completed.add(1);
    log::info!(
        "notification {id} ({notification}) completed: {} sent, {} failed, {} skipped in {:.1} s",
        counts.sent,
        counts.failed,
        counts.skipped,
        begun.elapsed().as_secs_f64()
    );
    Ok(())
}

/// The event, waited for a while: the publisher may have been quicker than its own commit.
fn look_up_event(context: &Context, event_id: i64) -> Result<Option<Event>, Stopped> {
    let deadline = Instant::now() + context.event_lookup_grace;
    let look = || context.database_retry.until_ok(|| context.store.find_event(event_id));
    let mut event = look()?;
    if event.is_none() {
        let grace = context.event_lookup_grace.as_secs();
        log::info!("event {event_id} is not in the database yet; it is looked up again for {grace} s");
    }
    while event.is_none() && Instant::now() < deadline {
        if context.shutdown.wait(EVENT_LOOK) {
            return Err(Stopped);
        }
        event = look()?;
    }
    Ok(event)
}

/// Sends to everyone of the notification who has no outcome yet, and returns once everyone has one. `watch`
/// sees the counts now and then.
///
/// # Errors
/// When the worker is to stop first, or another one has taken over; then the jobs that were out have come back,
/// and what they decided is recorded.
pub fn send_to_undecided(
    context: &Context,
    notification: Notification,
    held: &Arc<HeldLease>,
    resumed: bool,
    event: &Event,
    mut watch: impl FnMut(Counts),
) -> Result<Counts, Halt> {
    let mut fan_out = FanOut::new(context, notification, held, resumed, event);
    let decided = fan_out.hand_out_everyone(&mut watch);
    if decided.is_err() {
        fan_out.wait_for_jobs_out(&mut watch);
    }
    decided.map(|()| fan_out.counts)
}

/// One fan-out under way.
struct FanOut<'a> {
    context: &'a Context,
    handle: Arc<FanOutHandle>,
    reports: Receiver<Report>,
    pages: Pages,
    /// People who can be handed out at once.
    ready: VecDeque<Recipient>,
    retries: RetryQueue,
    /// Jobs that were handed out and have not come back.
    out: u64,
    counts: Counts,
}

impl<'a> FanOut<'a> {
    fn new(
        context: &'a Context,
        notification: Notification,
        held: &Arc<HeldLease>,
        resumed: bool,
        event: &Event,
    ) -> Self {
        let (sender, reports) = unbounded();
        let handle = FanOutHandle {
            held: Arc::clone(held),
            notification_context: context.templates.notification_context(notification.kind, event),
            reports: sender,
            failure_logged: AtomicBool::new(false),
        };
        Self {
            context,
            handle: Arc::new(handle),
            reports,
            pages: Pages::new(notification, event.id, context.batch_size, resumed),
            ready: VecDeque::new(),
            retries: RetryQueue::default(),
            out: 0,
            counts: Counts::default(),
        }
    }

    /// Returns once everyone is decided: no page is left, nobody waits, no job is out.
    fn hand_out_everyone(&mut self, watch: &mut impl FnMut(Counts)) -> Result<(), Halt> {
        let (handle, shutdown) = (Arc::clone(&self.handle), &self.context.shutdown);
        let mut sender = self.context.jobs.fair_sender();
        loop {
            if shutdown.requested() {
                return Err(Halt::Stopping);
            }
            if handle.held.is_lost() {
                return Err(Halt::TakenOver);
            }
            while let Ok(report) = self.reports.try_recv() {
                self.settle(report, watch);
            }
            if self.ready.is_empty() && self.may_read_on() {
                self.read_page()?;
            }
            if let Some(recipient) = self.next_recipient() {
                match sender.try_send(Job { fan_out: Arc::clone(&handle), recipient }) {
                    Ok(()) => self.out += 1,
                    Err(job) => {
                        self.ready.push_front(job.recipient);
                        // The lanes are busy for a while: time to read the next page.
                        if self.ready.len() <= self.context.batch_size as usize / 2 && self.may_read_on() {
                            self.read_page()?;
                        } else {
                            sender.wait(shutdown, &handle.held);
                        }
                    }
                }
            } else if self.may_read_on() {
                // Everyone of that page was decided before. On to the next one.
            } else if self.out > 0 || !self.retries.is_empty() {
                let due = self.retries.next_due().map_or_else(never, at);
                select! {
                    recv(self.reports) -> report => if let Ok(report) = report { self.settle(report, watch) },
                    recv(due) -> _ => {}
                    recv(shutdown.receiver()) -> _ => return Err(Halt::Stopping),
                    recv(handle.held.lost()) -> _ => return Err(Halt::TakenOver),
                }
            } else if self.pages.ended() {
                return Ok(());
            }
        }
    }

    fn read_page(&mut self) -> Result<(), Stopped> {
        let page = self.pages.next(&self.context.store, &self.context.database_retry)?;
        self.ready.extend(page.into_iter().map(Recipient::new));
        Ok(())
    }

    fn may_read_on(&self) -> bool {
        !self.pages.ended() && self.retries.len() < MOST_WAITING
    }

    /// Whoever is next: someone whose retry is due, or else the next of the page.
    fn next_recipient(&mut self) -> Option<Recipient> {
        let due = if self.retries.is_empty() { None } else { self.retries.pop_due(Instant::now()) };
        due.or_else(|| self.ready.pop_front())
    }

    /// Jobs have come back.
    fn settle(&mut self, report: Report, watch: &mut impl FnMut(Counts)) {
        self.out -= report.jobs();
        match report {
            Report::Recorded(counts) => {
                self.counts += counts;
                watch(self.counts);
            }
            Report::Retry(recipient) => {
                let pause = self.context.retry_policy.pause(recipient.backoff_step(), fastrand::f64());
                self.retries.push(Instant::now() + pause, recipient);
            }
            Report::Returned(recipient) => self.ready.push_front(recipient),
            // Whoever has taken over decides about them.
            Report::Refused => {}
        }
    }

    /// The worker is stopping: nothing more is handed out, and mails that are under way are seen through.
    fn wait_for_jobs_out(&mut self, watch: &mut impl FnMut(Counts)) {
        while self.out > 0
            && let Ok(report) = self.reports.recv()
        {
            self.settle(report, watch);
        }
    }
}
