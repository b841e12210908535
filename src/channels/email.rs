//! Email: renders, composes, signs, and submits through SMTP, or to an outbox where nothing is sent. The one place where
//! content, composer and transport meet.

pub mod compose;
pub mod dkim;
pub mod mail;
pub mod mail_signer;
pub(crate) mod oauth;
pub mod outbox;
pub mod signing;
pub mod smtp;

use chrono::Utc;

use crate::channels::email::compose::Composer;
use crate::channels::email::compose::envelope_sender::EnvelopeSender;
use crate::channels::email::compose::unsubscribe_links::UnsubscribeLinks;
use crate::channels::email::mail::Mail;
use crate::channels::email::outbox::Outbox;
use crate::channels::email::signing::Signing;
use crate::channels::email::smtp::SmtpTransport;
use crate::channels::email::smtp::connector::RelayConnector;
use crate::channels::email::smtp::reply::advice::advice_about;
use crate::channels::{Channel, PreparedNotification, SendError, SubmitCallbacks};
use crate::config::email::{EmailConfig, Route};
use crate::content::renderer::Templates;
use crate::domain::address_hash::AddressKey;
use crate::domain::installation::Installation;
use crate::domain::outcome::{Permanence, Verdict};
use crate::domain::participant::Participant;

/// The email channel of one lane.
pub struct EmailChannel {
    templates: Templates,
    composer: Composer,
    signing: Signing,
    transport: Transport,
}

/// Where mails go: an enum, so that a mail takes no indirect call.
enum Transport {
    Smtp(Box<SmtpTransport>),
    Outbox(Outbox),
}

impl EmailChannel {
    /// The channels as configured, one for each lane: `SMTP_CONNECTIONS` of them. Each connects with its first mail. They
    /// share what they learn about the relay. With the key of address hashes, the envelope senders of `BOUNCE_ADDRESS` tell whose mail
    /// comes back, and the links of `UNSUBSCRIBE_URL` whose mail they are in.
    ///
    /// # Errors
    /// When the TLS library cannot be set up, or cannot use a DKIM key.
    pub fn for_lanes(
        config: &EmailConfig,
        installation: &Installation,
        templates: &Templates,
        address_key: Option<&AddressKey>,
    ) -> Result<Vec<Self>, SendError> {
        let (connector, outbox) = match &config.route {
            Route::Dummy { outbox } => (None, outbox.clone()),
            Route::Smtp(relay) => (Some(RelayConnector::new(relay)?), None),
        };
        let transport = || match &connector {
            Some(connector) => Transport::Smtp(Box::new(SmtpTransport::new(connector.clone()))),
            None => Transport::Outbox(Outbox::new(outbox.clone())),
        };
        let envelope_sender = EnvelopeSender::new(config, address_key);
        let links = config.unsubscribe.as_ref().zip(address_key);
        let links = links.map(|(config, key)| UnsubscribeLinks::new(config, key.clone()));
        let channel = || {
            let signing =
                Signing::new(config).map_err(|error| SendError::relay_failure(error.to_string()))?;
            Ok(Self {
                templates: templates.clone(),
                composer: Composer::new(config, installation)
                    .with_envelope_sender(envelope_sender.clone())
                    .with_links(links.clone()),
                signing,
                transport: transport(),
            })
        };
        (0..config.connections).map(|_| channel()).collect()
    }
}

impl Channel for EmailChannel {
    type Prepared = Mail;

    fn prepare(
        &mut self,
        notification: &PreparedNotification,
        participant: &Participant,
    ) -> Result<Mail, Verdict> {
        let address = self.composer.address_of(participant).map_err(Verdict::skipped)?;
        let link = self.composer.unsubscribe_link(&notification.mail_headers, participant, address);
        // Transient: once the template is corrected, `fanmail retry` reaches this participant.
        let content = self
            .templates
            .render_with_link(&notification.context, participant, link.as_deref())
            .map_err(|error| Verdict::failed(Permanence::Transient, None, &error.to_string()))?;
        let date = Utc::now();
        let mut mail = self
            .composer
            .compose(&notification.mail_headers, participant, address, content, date)
            .map_err(|error| Verdict::failed(Permanence::Permanent, None, &error.to_string()))?;
        self.signing
            .sign(&mut mail, date)
            .map_err(|error| Verdict::failed(Permanence::Transient, None, &error.to_string()))?;
        Ok(mail)
    }

    fn submit(
        &mut self,
        mail: &Mail,
        next: Option<&Mail>,
        callbacks: &mut dyn SubmitCallbacks,
    ) -> Result<(), SendError> {
        match &mut self.transport {
            Transport::Smtp(smtp) => smtp.submit(mail, next, callbacks),
            Transport::Outbox(outbox) => outbox.submit(mail, &mut || callbacks.before_body()),
        }
    }

    fn is_dry_run(&self) -> bool {
        matches!(self.transport, Transport::Outbox(_))
    }

    fn advice(&self, refusal: &SendError) -> &'static str {
        advice_about(&refusal.detail)
    }

    fn idle(&mut self) {
        match &mut self.transport {
            Transport::Smtp(smtp) => smtp.idle(),
            Transport::Outbox(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::channels::email::compose::notification_headers::NotificationHeaders;
    use crate::config::content::ContentConfig;
    use crate::config::email::reach::Reach;
    use crate::config::email::relay::Relay;
    use crate::content::sample;
    use crate::domain::ids::NotificationId;
    use crate::domain::kind::Kind;
    use crate::domain::notification_facts::NotificationFacts;

    fn channel(route: Route, templates: &Templates) -> EmailChannel {
        let config = EmailConfig {
            route,
            from_email: "events@example.com".to_owned(),
            from_name: "Events".to_owned(),
            reply_to: None,
            bounce_address: None,
            connections: 1,
            rate: None,
            reach: Reach::default(),
            dkim: None,
            unsubscribe: None,
        };
        let installation = Installation { tag: "t".to_owned(), untagged_up_to: NotificationId(0) };
        EmailChannel::for_lanes(&config, &installation, templates, None).unwrap().remove(0)
    }

    /// What becomes of a participant whose mail says hello to everyone but Zoe.
    fn prepare(participant: &Participant) -> Result<Mail, Verdict> {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("updated")).unwrap();
        let subject = "{% if participant.name != 'Zoe' %}Hello{% endif %}";
        fs::write(dir.path().join("updated/subject.txt"), subject).unwrap();
        let templates = Templates::load(&ContentConfig::with_templates(dir.path())).unwrap();
        let context = templates
            .notification_context_at(
                &NotificationFacts::of_event(Kind::Updated, sample::full()),
                sample::now(),
            )
            .unwrap();
        let mail_headers = NotificationHeaders::new(NotificationId(7), Kind::Updated, None);
        let notification = PreparedNotification { mail_headers, context };
        channel(Route::Dummy { outbox: None }, &templates).prepare(&notification, participant)
    }

    #[test]
    fn only_the_outbox_is_a_dry_run() {
        let templates = Templates::load(&ContentConfig::default()).unwrap();
        assert!(channel(Route::Dummy { outbox: Some("outbox".into()) }, &templates).is_dry_run());
        assert!(!channel(Route::Smtp(Relay::on_loopback(25)), &templates).is_dry_run());
    }

    #[test]
    fn a_mail_is_rendered_and_composed_for_its_participant() {
        let mail = prepare(&sample::ada()).unwrap();
        assert_eq!((&*mail.envelope_from, mail.to.as_str()), ("events@example.com", "ada@example.com"));
        assert_eq!(mail.message_id, "<n7.p1.t@example.com>");
        assert!(mail.as_received().contains("\r\nSubject: Hello\r\n"));
    }

    #[test]
    fn without_anything_to_submit_the_verdict_says_why() {
        let no_address = Participant { email: None, ..sample::ada() };
        assert_eq!(prepare(&no_address), Err(Verdict::skipped("the participant has no address")));
        let bad_address = Participant { email: Some("ada".to_owned()), ..sample::ada() };
        let failed = Verdict::failed(Permanence::Permanent, None, "the address has no @");
        assert_eq!(prepare(&bad_address), Err(failed));
        let no_subject = Participant { name: "Zoe".to_owned(), ..sample::ada() };
        let Err(Verdict::Failed { permanence, code, detail }) = prepare(&no_subject) else { panic!() };
        assert_eq!((permanence, code), (Permanence::Transient, None));
        assert!(detail.ends_with("updated/subject.txt: the subject is empty"), "{detail}");
    }
}
