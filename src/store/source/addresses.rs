//! Which addresses may occur more than once among the participants of an event: one query over all of them. Whether two addresses
//! are one is left to the worker, which knows how they are written to a relay.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable, Text};

use crate::domain::ids::{EventId, ParticipantId};
use crate::store::Store;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::schema::participants;
use crate::store::source::columns::AppText;
use crate::store::source::event_keys::of_event;

impl Store {
    /// Calls `use_address` with each address that occurs more than once among the participants of the event with keys up to
    /// `up_to`, or of all: without blanks around it, and in small letters. Also with each that has something else in it than visible ASCII,
    /// which may be another way to write one of the others (`xn--`, line ends).
    ///
    /// # Errors
    /// When the database does not answer, or a row cannot be read. `use_address` may have been called by then.
    pub fn find_repeated_addresses(
        &self,
        event_id: EventId,
        up_to: Option<ParticipantId>,
        mut use_address: impl FnMut(&str),
    ) -> Result<(), StoreError> {
        let event = self.event_keys()?.in_participants(event_id);
        self.run("look for addresses that occur more than once", |connection| {
            let address = dispatch::folded_email(connection);
            // No parameter: where keys are text, there is none that they could be compared with.
            let up_to = up_to.map_or_else(|| "1 = 1".to_owned(), |up_to| format!("id <= {up_to}"));
            let is_unusual = dispatch::is_unusual_email(connection);
            of_event!(event, participants::event_id, is_of_event => {
                let rows = participants::table
                    .filter(is_of_event)
                    .filter(sql::<Bool>(&up_to))
                    .filter(participants::email.is_not_null())
                    .group_by(sql::<Text>("1"))
                    .having(sql::<Bool>(&format!("(COUNT(*) > 1 OR {is_unusual})")))
                    .select(sql::<Nullable<Text>>(address))
                    .load_iter::<Option<AppText>, _>(connection)?;
                for row in rows {
                    // MySQL makes NULL of bytes that are no text.
                    if let Some(AppText(address)) = row? {
                        use_address(&address);
                    }
                }
                Ok(())
            })
        })
    }
}
