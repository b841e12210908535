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

use crate::bounces::mime::Entity;

/// Reads something as a mail and as what each provider posts, and says what it is. Only fuzzing calls it: none of this is published.
#[doc(hidden)]
#[must_use]
pub fn describe_anything(raw: &[u8]) -> String {
    let mail = Entity::new(raw);
    let reports = (
        providers::mailgun::read(raw),
        providers::postmark::read(raw),
        providers::sendgrid::read(raw),
        providers::ses::read(&String::from_utf8_lossy(raw)),
    );
    format!("{:?} {reports:?}", reader::read(&mail))
}
