//! Decodes a row of the outbox, as a message of the broker is.

use crate::domain::message::Decoded;
use crate::domain::message::identity::Identity;
use crate::domain::message::malformed::Malformed;
use crate::domain::message::refusal::MessageRefusal;
use crate::domain::priority::Priority;
use crate::routes::decoder::{Beside, Decoder, RefusedBody};
use crate::store::ledger::opening::without_message::Wanted;
use crate::store::ledger::outbox::row::WaitingRow;

/// Longest key, in bytes: the ledger of `MariaDB` keeps 1,020.
const MAX_KEY: usize = 1000;

/// What a row turns out to be.
pub(super) enum Decoding {
    /// It asks for a notification.
    Wanted(Box<Wanted>),
    /// It is none for fanmail: no route is for its routing key.
    Ignored {
        /// The routing key.
        routing_key: String,
    },
}

/// What the row asks for. Its notification is named by its `message_id`, else by the id in the envelope, else by its key.
///
/// # Errors
/// Why it cannot be decoded, in one sentence.
pub(super) fn decode(row: &WaitingRow, decoder: &Decoder) -> Result<Decoding, String> {
    let routing_key = row.routing_key.as_ref().map(|key| String::from_utf8_lossy(&key.0));
    let routing_key = routing_key.as_deref().filter(|key| !key.is_empty());
    let Decoded { message, origin } =
        match decoder.read(&row.body.0, &Beside { routing_key, ..Beside::default() }) {
            Ok(read) => read,
            Err(RefusedBody { refusal: MessageRefusal::DeadLetter(problem), .. }) => return Err(problem),
            Err(RefusedBody { refusal: MessageRefusal::Ignored { routing_key }, .. }) => {
                return Ok(Decoding::Ignored { routing_key });
            }
        };
    let message_id = row.message_id.as_ref().map(|id| String::from_utf8_lossy(&id.0));
    let mut identity = Identity::new(message_id.as_deref(), false);
    if identity.key().is_none() {
        identity = identity.or_id(origin.id.map_err(|reason| reason.to_string())?);
    }
    let key = identity.key().map_or_else(|| format!("outbox:{}", row.id), str::to_owned);
    if key.len() > MAX_KEY {
        return Err(Malformed::IdTooLong("message_id", key.len(), MAX_KEY).to_string());
    }
    let message = message.or_priority(Priority::from_number(row.priority));
    Ok(Decoding::Wanted(Box::new(Wanted { message, key, starts_at_once: false })))
}
