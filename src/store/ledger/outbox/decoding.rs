//! Decodes a row of the outbox, as a message of the broker is.

use crate::domain::event_key_type::EventKeyType;
use crate::domain::message::identity::Identity;
use crate::domain::message::malformed::Malformed;
use crate::domain::message::{Decoded, Message};
use crate::store::ledger::opening::without_message::Wanted;
use crate::store::ledger::outbox::row::WaitingRow;

/// Longest key, in bytes: the ledger of `MariaDB` keeps 1,020.
const MAX_KEY: usize = 1000;

/// What the row asks for. Its notification is named by its `message_id`, else by the id in the envelope, else by its key.
///
/// # Errors
/// Why it cannot be decoded, in one sentence.
pub(super) fn decode(row: &WaitingRow, key_type: EventKeyType) -> Result<Wanted, String> {
    let Decoded { message, origin } =
        Message::decode(&row.body, key_type).map_err(|reason| reason.to_string())?;
    let message_id = row.message_id.as_deref().map(String::from_utf8_lossy);
    let mut identity = Identity::new(message_id.as_deref(), false);
    if identity.key().is_none() {
        identity = identity.or_id(origin.id.map_err(|reason| reason.to_string())?);
    }
    let key = identity.key().map_or_else(|| format!("outbox:{}", row.id), str::to_owned);
    if key.len() > MAX_KEY {
        return Err(Malformed::IdTooLong("message_id", key.len(), MAX_KEY).to_string());
    }
    Ok(Wanted { message, key, starts_at_once: false })
}
