//! Reads what a mail to the bounce address is: a bounce, a complaint, or something that counts as neither. Whose mail it is about is left to
//! `bounce_address`: what a mail says of its recipient, anybody can write.

use crate::bounces::automatic;
use crate::bounces::delivery_status::{self, Delivery};
use crate::bounces::feedback;
use crate::bounces::mime::Entity;
use crate::bounces::plain_bounce;
use crate::bounces::report::{Bounce, Report};

/// Levels of multiparts in which a report is looked for: mailing lists and filters wrap one into another.
const LEVELS: usize = 3;

/// Most parts that are looked at, of all levels together.
const MAX_PARTS: usize = 40;

/// Reads a mail.
pub fn read(mail: &Entity<'_>) -> Report {
    let parts = all_parts(mail);
    let of_type = |wanted: &str| {
        let alone = (mail.media_type() == wanted).then_some(mail);
        alone.or_else(|| parts.iter().find(|part| part.media_type() == wanted))
    };
    // The types of the parts decide: servers forget report-type.
    if let Some(part) = of_type("message/feedback-report") {
        return feedback::read(part);
    }
    if let Some(part) =
        of_type("message/delivery-status").or_else(|| of_type("message/global-delivery-status"))
    {
        return match delivery_status::read(part) {
            Delivery::Failed(status, words) => Report::Bounce(Bounce::new(status, words)),
            Delivery::NotFinal => Report::Notice,
            // Only its words are left.
            Delivery::Unreadable => plain_bounce::read(mail, &parts).unwrap_or(Report::Other),
        };
    }
    if of_type("message/disposition-notification").is_some() {
        return Report::Notice;
    }
    if automatic::is_calendar_answer(mail, &parts) {
        return Report::AutoReply;
    }
    if let Some(report) = plain_bounce::read(mail, &parts) {
        return report;
    }
    if automatic::is_auto_reply(mail) { Report::AutoReply } else { Report::Other }
}

/// The parts of a mail and of the multiparts in it, breadth first.
fn all_parts<'a>(mail: &Entity<'a>) -> Vec<Entity<'a>> {
    let mut all = mail.parts();
    let (mut from, mut level) = (0, 1);
    while from < all.len() && level < LEVELS {
        let inner: Vec<Entity<'a>> = all[from..].iter().flat_map(Entity::parts).collect();
        from = all.len();
        all.extend(inner.into_iter().take(MAX_PARTS.saturating_sub(from)));
        level += 1;
    }
    all
}

#[cfg(test)]
mod tests;
