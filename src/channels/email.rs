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

use crate::channels::callbacks::SubmitCallbacks;
use crate::channels::email::compose::Composer;
use crate::channels::email::compose::envelope_sender::EnvelopeSender;
use crate::channels::email::compose::unsubscribe_links::UnsubscribeLinks;
use crate::channels::email::mail::Mail;
use crate::channels::email::outbox::Outbox;
use crate::channels::email::signing::Signing;
use crate::channels::email::smtp::SmtpTransport;
use crate::channels::email::smtp::connector::RelayConnector;
use crate::channels::email::smtp::reply::advice::advice_about;
use crate::channels::{Channel, PreparedNotification, SendError};
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
    envelope_sender: EnvelopeSender,
    /// If mails tell which address they go to.
    address_key: Option<AddressKey>,
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
        let links = config.unsubscribe.as_ref().map(UnsubscribeLinks::new);
        let channel = || {
            let signing =
                Signing::new(config).map_err(|error| SendError::relay_failure(error.to_string()))?;
            Ok(Self {
                templates: templates.clone(),
                composer: Composer::new(config, installation).with_links(links.clone()),
                envelope_sender: envelope_sender.clone(),
                address_key: address_key.cloned(),
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
        // Made once: the link and the envelope sender have it.
        let hash = self.address_key.as_ref().and_then(|key| key.hash(self.composer.destination(address)));
        let link = self.composer.unsubscribe_link(&notification.mail_headers, participant, hash);
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
        mail.envelope_from = self.envelope_sender.of(notification.mail_headers.id, participant.id, hash);
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
    use crate::config::email::webhooks::WebhookConfig;
    use crate::content::sample;
    use crate::domain::ids::NotificationId;
    use crate::domain::kind::Kind;
    use crate::domain::notification_facts::NotificationFacts;

    fn config(route: Route) -> EmailConfig {
        EmailConfig {
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
            webhooks: WebhookConfig::default(),
        }
    }

    fn channel(route: Route, templates: &Templates) -> EmailChannel {
        channel_with(&config(route), templates, None)
    }

    fn channel_with(
        config: &EmailConfig,
        templates: &Templates,
        address_key: Option<&AddressKey>,
    ) -> EmailChannel {
        let installation = Installation { tag: "t".to_owned(), untagged_up_to: NotificationId(0) };
        EmailChannel::for_lanes(config, &installation, templates, address_key).unwrap().remove(0)
    }

    /// What all mails have in common.
    fn in_common(templates: &Templates) -> PreparedNotification {
        let facts = NotificationFacts::of_event(Kind::Updated, sample::full());
        let context = templates.notification_context_at(&facts, sample::now()).unwrap();
        let mail_headers = NotificationHeaders::new(NotificationId(7), Kind::Updated, None);
        PreparedNotification { mail_headers, context }
    }

    /// What becomes of a participant whose mail says hello to everyone but Zoe.
    fn prepare(participant: &Participant) -> Result<Mail, Verdict> {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("updated")).unwrap();
        let subject = "{% if participant.name != 'Zoe' %}Hello{% endif %}";
        fs::write(dir.path().join("updated/subject.txt"), subject).unwrap();
        let templates = Templates::load(&ContentConfig::with_templates(dir.path())).unwrap();
        channel(Route::Dummy { outbox: None }, &templates).prepare(&in_common(&templates), participant)
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
    fn a_mail_comes_back_to_an_address_of_its_own() {
        let config = EmailConfig {
            bounce_address: Some("bounces@mail.example.org".to_owned()),
            ..config(Route::Dummy { outbox: None })
        };
        let templates = Templates::load(&ContentConfig::default()).unwrap();
        let mut channel = channel_with(&config, &templates, Some(&AddressKey::sample()));
        let mut sent_to = |address: &str| {
            let participant = Participant { email: Some(address.to_owned()), ..sample::ada() };
            channel.prepare(&in_common(&templates), &participant).unwrap()
        };
        let [ada, other] = ["ada@example.com", "other@example.com"].map(&mut sent_to);
        assert!(
            ada.envelope_from.starts_with("bounces+") && ada.envelope_from.ends_with("@mail.example.org")
        );
        assert_ne!(ada.envelope_from, other.envelope_from);
        assert_eq!(sent_to(" ADA@example.com").envelope_from, ada.envelope_from);
        assert!(ada.as_received().starts_with("From: Events <events@example.com>\r\n"));
        assert!(ada.message_id.ends_with("@example.com>"), "{}", ada.message_id);
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
