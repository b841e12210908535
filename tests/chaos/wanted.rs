//! Who has to get the mails of a notification while addresses come on the list of suppressions.

use std::collections::{BTreeMap, BTreeSet};

use testkit::ledger::people::Person;
use testkit::scenario::Scenario;
use testkit::smtp::log::{BodyReply, ReceivedMail};

/// How many people behind the last one who has got a mail may be on pages that are read: the rest of that page, the next page, and the jobs
/// that lanes have.
const READ_AHEAD: usize = 300;

/// Since when a person wants no mail.
#[derive(Debug, Clone, Copy)]
struct Stop {
    /// At so many people, in their order, pages may have ended that were read at that time.
    read: usize,
    /// Whether the person wants mails again.
    is_taken_back: bool,
}

/// The mails of one notification.
pub struct Wanted<'scenario> {
    scenario: &'scenario Scenario,
    notification: i64,
    /// In the order in which they are sent to.
    pub people: Vec<Person>,
    places: BTreeMap<String, usize>,
    stops: BTreeMap<usize, Stop>,
}

impl<'scenario> Wanted<'scenario> {
    /// Those of the event of most tests.
    pub fn new(scenario: &'scenario Scenario, notification: i64) -> Self {
        let people = scenario.people();
        let places = people.iter().enumerate().map(|(at, person)| (person.email.clone(), at)).collect();
        Self { scenario, notification, people, places, stops: BTreeMap::new() }
    }

    /// The place of an address among the people.
    pub fn place(&self, address: &str) -> usize {
        self.places[address]
    }

    /// Whether it is not known of the person at this place that they want no mail.
    pub fn is_new(&self, at: usize) -> bool {
        !self.stops.contains_key(&at)
    }

    /// From now on, the people at these places are suppressed, or, if it `is_taken_back`, not any more.
    pub fn stop(&mut self, places: impl IntoIterator<Item = usize>, is_taken_back: bool) {
        let earlier = format!("notifications WHERE id < {} AND state <> 'completed'", self.notification);
        // Notifications of one event are sent one after another.
        let has_begun = self.scenario.ledger.count(&earlier) == 0;
        let read = if has_begun { self.reached() + READ_AHEAD } else { 0 };
        self.stops.extend(places.into_iter().map(|at| (at, Stop { read, is_taken_back })));
    }

    /// How many people have been sent to, or stand before one who has.
    fn reached(&self) -> usize {
        self.scenario.smtp.read_log(|log| {
            let mails = log.received.iter().filter(|mail| mail.notification() == self.notification);
            mails.map(|mail| self.place(&mail.recipient) + 1).max().unwrap_or(0)
        })
    }

    /// Checks at the end that nobody has got a mail whose page was not read yet, that everybody else has got one, and no more than `bound`
    /// of them twice. Returns the numbers of mails and of duplicates.
    #[track_caller]
    pub fn check(&self, reason: &str, bound: usize) -> (usize, usize) {
        let (mut accepted, mut delivered, mut mails) = (BTreeSet::new(), BTreeSet::new(), 0);
        self.scenario.smtp.read_log(|log| {
            let is_of_it = |mail: &&ReceivedMail| {
                mail.answer != BodyReply::Refused && mail.notification() == self.notification
            };
            for mail in log.received.iter().filter(is_of_it) {
                let at = self.place(&mail.recipient);
                mails += 1;
                delivered.insert(at);
                if mail.answer == BodyReply::Accepted {
                    accepted.insert(at);
                }
            }
        });
        for (at, person) in self.people.iter().enumerate() {
            match self.stops.get(&at) {
                // The page may have been read before or after.
                Some(stop) if at < stop.read => {}
                Some(stop) if !stop.is_taken_back => {
                    assert!(!delivered.contains(&at), "{at} {person:?} has got a mail: {stop:?}");
                }
                stop => assert!(accepted.contains(&at), "{at} {person:?} has got no mail: {stop:?}"),
            }
        }
        let duplicates = mails - delivered.len();
        assert!(duplicates <= bound, "{duplicates} duplicates, and the bound is {bound}");
        let skipped = format!(
            "deliveries WHERE notification_id = {} AND status = 'skipped' AND detail = '{reason}'",
            self.notification
        );
        assert_eq!(self.scenario.ledger.count(&skipped), self.people.len() - accepted.len(), "{reason}");
        (accepted.len(), duplicates)
    }

    /// How many people certainly get no mail.
    pub fn certainly_skipped(&self) -> usize {
        let is_late = |(at, stop): &(&usize, &Stop)| !stop.is_taken_back && **at >= stop.read;
        self.stops.iter().filter(is_late).count()
    }
}
