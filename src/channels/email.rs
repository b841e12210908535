//! Email: renders, composes, and submits through SMTP, or to an outbox where nothing is sent. The one place where
//! content, composer and transport meet.

pub mod address;
pub mod compose;
pub mod mail;
pub mod outbox;
pub mod smtp;

use chrono::Utc;

use crate::channels::email::compose::Composer;
use crate::channels::email::mail::Mail;
use crate::channels::email::outbox::Outbox;
use crate::channels::email::smtp::SmtpTransport;
use crate::channels::{Channel, PreparedNotification, SendError};
use crate::config::email::{EmailConfig, Route};
use crate::content::renderer::Templates;
use crate::domain::installation::Installation;
use crate::domain::outcome::{Permanence, Verdict};
use crate::domain::participant::Participant;

/// The email channel of one lane.
pub struct EmailChannel {
    templates: Templates,
    composer: Composer,
    transport: Transport,
}

/// Where mails go: an enum, so that a mail takes no indirect call.
enum Transport {
    Smtp(Box<SmtpTransport>),
    Outbox(Outbox),
}

impl EmailChannel {
    /// A channel as configured. It connects with its first mail.
    ///
    /// # Errors
    /// When the TLS library cannot be set up.
    pub fn new(
        config: &EmailConfig,
        installation: &Installation,
        templates: Templates,
    ) -> Result<Self, SendError> {
        let transport = match &config.route {
            Route::Dummy { outbox } => Transport::Outbox(Outbox::new(outbox.clone())),
            Route::Smtp(relay) => Transport::Smtp(Box::new(SmtpTransport::new(relay)?)),
        };
        Ok(Self { templates, composer: Composer::new(config, installation), transport })
    }
}

impl Channel for EmailChannel {
    type Prepared = Mail;

    fn prepare(
        &mut self,
        notification: &PreparedNotification,
        participant: &Participant,
    ) -> Result<Mail, Verdict> {
        let Some(address) = &participant.email else {
            return Err(Verdict::skipped("the participant has no address"));
        };
        // Transient: once the template is corrected, `fanmail retry` reaches this participant.
        let content = self
            .templates
            .render(&notification.context, participant)
            .map_err(|error| Verdict::failed(Permanence::Transient, None, &error.to_string()))?;
        self.composer
            .compose(notification.id, participant, address, content, Utc::now())
            .map_err(|error| Verdict::failed(Permanence::Permanent, None, &error.to_string()))
    }

    fn submit(
        &mut self,
        mail: &Mail,
        next: Option<&Mail>,
        before_body: &mut dyn FnMut() -> bool,
    ) -> Result<(), SendError> {
        match &mut self.transport {
            Transport::Smtp(smtp) => smtp.submit(mail, next, before_body),
            Transport::Outbox(outbox) => outbox.submit(mail, before_body),
        }
    }

    fn idle(&mut self) {
        match &mut self.transport {
            Transport::Smtp(smtp) => smtp.idle(),
            Transport::Outbox(_) => {}
        }
    }
}
