//! How many people a notification is for, without a look at what became of them: cheap enough while its mails are sent.

use diesel::prelude::*;

use crate::domain::audience::Audience;
use crate::domain::ids::ParticipantId;
use crate::domain::notification::Notification;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::ledger::tally::count_people;
use crate::store::schema::participants;
use crate::store::source::event_keys::of_event;
use crate::store::source::keys::ParticipantKeys;

impl Store {
    /// The people of a notification who take part now, a row each; `None` where that cannot be told. People who have left since they got the mail are
    /// not among them, and a view may have several rows of one: [`Store::tally`] is exact.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn count_audience(&self, notification: &Notification) -> Result<Option<u64>, StoreError> {
        let keys = self.app_keys()?;
        self.run("count the people of a notification", |connection| match notification.audience {
            Audience::Given { count } => Ok(Some(count.unsigned_abs())),
            Audience::Event { up_to: ParticipantId::MIN, .. }
                if matches!(keys.participants, ParticipantKeys::Texts(_)) =>
            {
                Ok(None)
            }
            Audience::Event { id, up_to } => {
                count_people(connection, keys.events.in_participants(id), up_to, false).map(Some)
            }
            Audience::Recipients { id } => {
                let event = keys.events.in_participants(id);
                let count: i64 = of_event!(event, participants::event_id, is_of_event => {
                    participants::table.filter(is_of_event).count().get_result(connection)
                })?;
                Ok(Some(count.unsigned_abs()))
            }
        })
    }
}
