//! A relay that the test controls, and the channel to it.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use crate::channels::callbacks::SubmitCallbacks;
use crate::channels::email::EmailChannel;
use crate::channels::email::mail::Mail;
use crate::channels::{Channel, Class, PreparedNotification, SendError};
use crate::domain::ids::NotificationId;
use crate::domain::outcome::{Permanence, Tally, Verdict};
use crate::domain::participant::Participant;
use crate::store::Store;

/// The relay's reply to one mail. Gets the address, the number of attempts before, and the tally at that moment.
pub type RelayBehavior = dyn Fn(&str, u32, &dyn Fn() -> Tally) -> Result<(), Class> + Send + Sync;

/// A relay that records what it was sent, in order.
#[derive(Clone)]
pub struct TestRelay {
    decide: Arc<RelayBehavior>,
    tries: Arc<Mutex<HashMap<String, u32>>>,
    accepted: Arc<Mutex<Vec<String>>>,
    /// The same mails as they were transmitted.
    data: Arc<Mutex<Vec<String>>>,
    pipelined: Arc<Mutex<Vec<(String, String)>>>,
    /// The code with which it throttles.
    throttle_code: Arc<AtomicU16>,
    store: Store,
}

impl TestRelay {
    pub fn new(decide: Arc<RelayBehavior>, store: Store) -> Self {
        let (tries, accepted, data, pipelined) = Default::default();
        let throttle_code = Arc::new(AtomicU16::new(450));
        Self { decide, tries, accepted, data, pipelined, throttle_code, store }
    }

    /// From now on it throttles with this code.
    pub fn throttle_with(&self, code: u16) {
        self.throttle_code.store(code, Ordering::Relaxed);
    }

    pub fn accepted(&self) -> Vec<String> {
        self.accepted.lock().unwrap().clone()
    }

    /// The mails that it has accepted, in order, each with its address.
    pub fn mails(&self) -> Vec<(String, String)> {
        let (accepted, data) = (self.accepted.lock().unwrap(), self.data.lock().unwrap());
        accepted.iter().cloned().zip(data.iter().cloned()).collect()
    }

    /// The subjects that it has accepted, sorted, each once.
    pub fn subjects(&self) -> BTreeSet<String> {
        let subject = |(_, data): (String, String)| {
            let line = data.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap();
            line.to_owned()
        };
        self.mails().into_iter().map(subject).collect()
    }

    /// Each mail with the one whose envelope was pipelined behind it.
    pub fn pipelined(&self) -> Vec<(String, String)> {
        self.pipelined.lock().unwrap().clone()
    }

    /// How many mails were submitted to it.
    pub fn tries(&self) -> u32 {
        self.tries.lock().unwrap().values().sum()
    }

    /// How many of them were for this address.
    pub fn tries_for(&self, address: &str) -> u32 {
        self.tries.lock().unwrap().get(address).copied().unwrap_or_default()
    }
}

/// Prepares mails as the email channel does, and submits them to the relay of the test.
pub struct TestChannel {
    pub email: EmailChannel,
    pub relay: TestRelay,
}

impl Channel for TestChannel {
    type Prepared = Mail;

    fn prepare(
        &mut self,
        notification: &PreparedNotification,
        participant: &Participant,
    ) -> Result<Mail, Verdict> {
        self.email.prepare(notification, participant)
    }

    fn submit(
        &mut self,
        mail: &Mail,
        next: Option<&Mail>,
        callbacks: &mut dyn SubmitCallbacks,
    ) -> Result<(), SendError> {
        let earlier = {
            let mut tries = self.relay.tries.lock().unwrap();
            let earlier = tries.entry(mail.to.clone()).or_default();
            *earlier += 1;
            *earlier - 1
        };
        if !callbacks.before_body() {
            return Err(SendError::withdrawn());
        }
        self.relay.pipelined.lock().unwrap().extend(next.map(|next| (mail.to.clone(), next.to.clone())));
        let tally = || {
            self.relay
                .store
                .tally(&self.relay.store.find_notification(NotificationId(1)).unwrap().unwrap().notification)
                .unwrap()
        };
        (self.relay.decide)(&mail.to, earlier, &tally).map_err(|class| {
            let code = match class {
                Class::Transient | Class::Suspect(Permanence::Transient) => Some(450),
                Class::Throttled(_) => Some(self.relay.throttle_code.load(Ordering::Relaxed)),
                Class::Permanent | Class::Suspect(Permanence::Permanent) => Some(550),
                Class::RelayFailure
                | Class::Unreadable
                | Class::Withdrawn
                | Class::Ambiguous
                | Class::BodyDelayed => None,
                Class::Breakdown => Some(421),
            };
            SendError {
                class,
                code,
                detail: format!("{class:?}"),
                refuses_address: class == Class::Permanent && mail.to.starts_with("gone"),
            }
        })?;
        let mut accepted = self.relay.accepted.lock().unwrap();
        accepted.push(mail.to.clone());
        self.relay.data.lock().unwrap().push(mail.as_received());
        Ok(())
    }

    fn is_dry_run(&self) -> bool {
        false
    }

    fn advice(&self, refusal: &SendError) -> &'static str {
        self.email.advice(refusal)
    }

    fn idle(&mut self) {}
}
