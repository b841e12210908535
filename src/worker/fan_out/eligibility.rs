//! Who of a page gets the mail: those whose address is not suppressed, and for whom something has changed. How suppressions are found is left to
//! the store, what the last mails have told to `previous`.
//!
//! It is asked once for each page, so a suppression that is added meanwhile holds for the pages that are not read yet.

use crate::domain::notification::Notification;
use crate::domain::outcome::Verdict;
use crate::worker::fan_out::context::{Context, Halt, read_data};
use crate::worker::fan_out::page::{Decided, Page};
use crate::worker::fan_out::previous::Previous;
use crate::worker::recipient::Recipient;

/// What of a notification cannot be read, in its reason.
const SUPPRESSIONS: &str = "the addresses that get no mail";

/// What the recipients of one fan-out are asked about.
#[derive(Debug)]
pub(super) struct Eligibility {
    notification: Notification,
    previous: Option<Previous>,
}

impl Eligibility {
    pub(super) fn new(notification: &Notification, previous: Option<Previous>) -> Self {
        Self { notification: *notification, previous }
    }

    /// Skips those of a page who get no mail, and gives the others theirs.
    ///
    /// # Errors
    /// When a shutdown is requested before the database answers, opt-outs cannot be read, or templates are gone.
    pub(super) fn apply(&mut self, page: &mut Page, context: &Context) -> Result<(), Halt> {
        self.skip_suppressed(page, context)?;
        self.previous.as_mut().map_or(Ok(()), |previous| previous.apply(page, context))
    }

    fn skip_suppressed(&self, page: &mut Page, context: &Context) -> Result<(), Halt> {
        if page.recipients.is_empty() {
            return Ok(());
        }
        let Context { store, database_retry, optouts, .. } = context;
        let Some(lookup) = read_data(database_retry, SUPPRESSIONS, || store.suppression_lookup(*optouts))?
        else {
            return Ok(());
        };
        let addresses: Vec<&str> = page.recipients.iter().map(Recipient::address).collect();
        let Notification { kind, event_id, .. } = self.notification;
        let find = || store.find_reasons(&lookup, &addresses, kind, event_id);
        let reasons = read_data(database_retry, SUPPRESSIONS, find)?;
        if reasons.is_empty() {
            return Ok(());
        }
        for recipient in std::mem::take(&mut page.recipients) {
            match reasons.get(recipient.address()) {
                None => page.recipients.push(recipient),
                Some(reason) => page.decided.push(Decided {
                    participant_id: recipient.participant.id,
                    tries: recipient.deferrals,
                    verdict: Verdict::suppressed(*reason),
                }),
            }
        }
        Ok(())
    }
}
