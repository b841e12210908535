//! Policies: which mails a relay refuses for its own reasons, at which step of the session, and with which reply.
//! Faults of single recipients and steps are left to `RecipientFault` and `StepFault`.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::smtp::SmtpServer;
use crate::smtp::shared::Shared;
use crate::smtp::step_fault::Step;
use crate::sync::lock;

/// The time in which a rate limit counts mails.
const WINDOW: Duration = Duration::from_secs(1);

/// A policy. Its times begin when it is made.
pub struct Policy {
    step: Step,
    reply: &'static str,
    since: Instant,
    rule: Rule,
}

/// Which mails are refused.
enum Rule {
    Rate {
        /// The limits, each with the time from which it holds.
        limits: Vec<(Duration, usize)>,
        /// When the mails of the last second were taken.
        taken: VecDeque<Instant>,
    },
    Everyone {
        lasts: Duration,
    },
    Quota {
        left: usize,
        renewed_after: Duration,
        exhausted_at: Option<Instant>,
    },
    Greylist {
        wait: Duration,
        whom: Box<dyn Fn(&str) -> bool + Send>,
        /// When each recipient came for the first time.
        first_seen: HashMap<String, Instant>,
    },
}

impl Policy {
    /// Takes `limit` mails in any second, and refuses the others at this step. A refused mail counts for nothing.
    pub fn rate(step: Step, reply: &'static str, limit: usize) -> Self {
        Self::changing_rate(step, reply, vec![(Duration::ZERO, limit)])
    }

    /// The same with limits that change. Each holds from its time on; the first time is zero.
    pub fn changing_rate(step: Step, reply: &'static str, limits: Vec<(Duration, usize)>) -> Self {
        Self::new(step, reply, Rule::Rate { limits, taken: VecDeque::new() })
    }

    /// Refuses everyone for this time.
    pub fn everyone(step: Step, reply: &'static str, lasts: Duration) -> Self {
        Self::new(step, reply, Rule::Everyone { lasts })
    }

    /// Takes this number of mails, then refuses all others for a time. Then there is no quota any more.
    pub fn quota(step: Step, reply: &'static str, mails: usize, renewed_after: Duration) -> Self {
        Self::new(step, reply, Rule::Quota { left: mails, renewed_after, exhausted_at: None })
    }

    /// Refuses each recipient whom `whom` accepts until `wait` has passed since its first attempt.
    pub fn greylist(
        step: Step,
        reply: &'static str,
        wait: Duration,
        whom: impl Fn(&str) -> bool + Send + 'static,
    ) -> Self {
        Self::new(step, reply, Rule::Greylist { wait, whom: Box::new(whom), first_seen: HashMap::new() })
    }

    fn new(step: Step, reply: &'static str, rule: Rule) -> Self {
        Self { step, reply, since: Instant::now(), rule }
    }

    /// Whether the mail that comes now to this recipient is refused. Counts the mail if it is not.
    fn refuses(&mut self, recipient: &str, now: Instant) -> bool {
        let age = now.saturating_duration_since(self.since);
        match &mut self.rule {
            Rule::Rate { limits, taken } => {
                let limit = limits.iter().rev().find(|(from, _)| *from <= age).map_or(0, |(_, limit)| *limit);
                while taken.front().is_some_and(|at| now.saturating_duration_since(*at) >= WINDOW) {
                    taken.pop_front();
                }
                if taken.len() >= limit {
                    return true;
                }
                taken.push_back(now);
                false
            }
            Rule::Everyone { lasts } => age < *lasts,
            Rule::Quota { left, renewed_after, exhausted_at } => {
                if let Some(fewer) = left.checked_sub(1) {
                    *left = fewer;
                    return false;
                }
                now.saturating_duration_since(*exhausted_at.get_or_insert(now)) < *renewed_after
            }
            Rule::Greylist { wait, whom, first_seen } => {
                if !whom(recipient) {
                    return false;
                }
                let first = *first_seen.entry(recipient.to_owned()).or_insert(now);
                now.saturating_duration_since(first) < *wait
            }
        }
    }
}

impl SmtpServer {
    /// From now on this policy holds, beside those that hold already.
    pub fn add_policy(&self, policy: Policy) {
        lock(&self.shared.policies).push(policy);
    }

    /// Ends all policies.
    pub fn clear_policies(&self) {
        lock(&self.shared.policies).clear();
    }
}

impl Shared {
    /// The reply of the policy that refuses this mail at this step, if there is one. Records the refusal.
    pub(super) fn policy_reply(&self, step: Step, recipient: &str) -> Option<&'static str> {
        let now = Instant::now();
        let reply = {
            let mut policies = lock(&self.policies);
            let mut of_step = policies.iter_mut().filter(|policy| policy.step == step);
            of_step.find_map(|policy| policy.refuses(recipient, now).then_some(policy.reply))
        }?;
        self.log().refusals.push(now);
        Some(reply)
    }
}
