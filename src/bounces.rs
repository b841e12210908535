//! Mails that come back: reads what arrives at `BOUNCE_ADDRESS`, and writes into the ledger what became of our mails. `intake` is the way
//! of one of them, from top to bottom; which address a mail comes back to is left to `channels::email::compose::envelope_sender`.

mod automatic;
mod bounce_address;
mod delivery_status;
mod feedback;
pub mod intake;
pub mod mailbox;
mod mime;
mod plain_bounce;
pub mod providers;
mod reader;
mod recorder;
mod report;
mod status_code;
