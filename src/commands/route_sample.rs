//! The sample of a route: the body of a message beside the file of routes, and the mail that it makes.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::content::renderer::Templates;
use crate::content::sample;
use crate::domain::content::Content;
use crate::domain::event::Event;
use crate::domain::message::Message;
use crate::domain::message::details::MessageDetails;
use crate::domain::notification_facts::NotificationFacts;
use crate::domain::participant::Participant;
use crate::routes::{MessageRoute, Routes};

/// Where the sample of a route is.
#[must_use]
pub fn path(routes: &Routes, route: &MessageRoute) -> PathBuf {
    let folder = routes.path().parent().unwrap_or(Path::new("")).join("routes");
    folder.join(format!("{}.sample.json", route.name))
}

/// The body of the sample, if there is one.
///
/// # Errors
/// When it cannot be read.
pub fn read(routes: &Routes, route: &MessageRoute) -> Result<Option<Vec<u8>>, String> {
    let path = path(routes, route);
    match fs::read(&path) {
        Ok(body) => Ok(Some(body)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{} cannot be read: {error}", path.display())),
    }
}

/// What the mail of the sample tells, about this event if it is about one, and whom: the first one whom the sample names, or this
/// participant.
///
/// # Errors
/// When the sample and its route do not fit.
pub fn mail_of(
    routes: &Routes,
    route: &MessageRoute,
    body: &[u8],
    (event, participant): (&Event, &Participant),
) -> Result<(NotificationFacts, Participant), String> {
    let path = path(routes, route);
    let message =
        routes.read_sample(route, body).map_err(|reason| format!("{}: {reason}", path.display()))?;
    let details = MessageDetails::read(message.details.as_ref()).map_err(|error| error.to_string())?;
    let event = message.event_id.map(|_| event.clone());
    let facts = NotificationFacts::new(message.kind, event, details);
    Ok((facts, recipient(&message, participant)))
}

/// The mail of the sample.
///
/// # Errors
/// What does not fit: the sample and its route, or the mail and the sample.
pub fn render(
    routes: &Routes,
    route: &MessageRoute,
    body: &[u8],
    templates: &Templates,
    people: (&Event, &Participant),
) -> Result<Content, String> {
    let (facts, recipient) = mail_of(routes, route, body, people)?;
    templates
        .notification_context(&facts)
        .and_then(|context| templates.render(&context, &recipient))
        .map_err(|error| format!("{}: {error}", path(routes, route).display()))
}

fn recipient(message: &Message, participant: &Participant) -> Participant {
    let given = message.recipients.as_deref().and_then(<[_]>::first).filter(|one| one.user_key.is_none());
    match given.cloned() {
        None => participant.clone(),
        Some(one) => Participant {
            email: one.email,
            name: one.name.unwrap_or_default(),
            locale: one.locale,
            ..sample::ada()
        },
    }
}
