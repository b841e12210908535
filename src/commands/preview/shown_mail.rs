//! One mail as `preview` shows it: what the participant reads, and the headers around it. It is composed and signed as the
//! worker does it, so what is shown is what would be sent.

use chrono::{DateTime, Utc};

use crate::channels::email::compose::Composer;
use crate::channels::email::compose::notification_headers::NotificationHeaders;
use crate::channels::email::compose::unsubscribe_links::UnsubscribeLinks;
use crate::channels::email::mail::Mail;
use crate::channels::email::mail_signer::SigningError;
use crate::channels::email::signing::Signing;
use crate::config::Config;
use crate::content::error::TemplateError;
use crate::content::renderer::Templates;
use crate::domain::address_hash::AddressKey;
use crate::domain::content::Content;
use crate::domain::ids::NotificationId;
use crate::domain::installation::Installation;
use crate::domain::kind::Kind;
use crate::domain::notification_facts::NotificationFacts;
use crate::domain::participant::Participant;
use crate::text::clean::one_line;

/// The notification of a mail that is only shown, as if it were one of the first of an event: later ones have larger keys, and so does
/// what calendars count (`SEQUENCE`).
fn notification(kind: Kind) -> NotificationId {
    NotificationId(match kind {
        Kind::Created | Kind::Notice | Kind::Routed => 0,
        Kind::Updated => 1,
        Kind::Reminder => 2,
        Kind::Cancelled => 3,
    })
}

/// Composes mails to be shown.
pub(super) struct Composing {
    composer: Composer,
    signing: Signing,
    /// The sender, as readers see it.
    from: String,
}

/// One mail.
pub(super) struct ShownMail {
    /// What the participant reads.
    pub content: Content,
    /// The whole mail, or why there is none.
    pub mail: Result<Mail, String>,
    from: String,
    /// The name of the participant.
    name: String,
}

impl Composing {
    /// With the configured sender.
    ///
    /// # Errors
    /// When OpenSSL cannot use a DKIM key.
    pub fn new(config: &Config, installation: &Installation) -> Result<Self, SigningError> {
        let email = &config.email;
        let links = email.unsubscribe.as_ref().map(UnsubscribeLinks::new);
        Ok(Self {
            composer: Composer::new(email, installation).with_links(links),
            signing: Signing::new(email)?,
            from: with_name(&email.from_name, &email.from_email),
        })
    }

    /// The mail that tells these facts to the participant at the moment `date`.
    ///
    /// # Errors
    /// When a template does not render.
    pub fn show(
        &mut self,
        templates: &Templates,
        facts: &NotificationFacts,
        participant: &Participant,
        date: DateTime<Utc>,
    ) -> Result<ShownMail, TemplateError> {
        let event_id = facts.event.as_ref().map(|event| event.id);
        let headers = NotificationHeaders::new(notification(facts.kind), facts.kind, event_id);
        let in_common = templates.notification_context_at(facts, date)?;
        let address = self.composer.address_of(participant);
        let hash = AddressKey::sample().hash(address.unwrap_or_default());
        let link = self.composer.unsubscribe_link(&headers, participant, hash);
        let content = templates.render_with_link(&in_common, participant, link.as_deref())?;
        let mail = match address {
            Err(reason) => Err(reason.to_owned()),
            Ok(address) => self
                .composer
                .compose(&headers, participant, address, content.clone(), date)
                .map_err(|error| error.to_string())
                .and_then(|mail| self.signed(mail, date)),
        };
        Ok(ShownMail { content, mail, from: self.from.clone(), name: participant.name.clone() })
    }

    fn signed(&mut self, mut mail: Mail, date: DateTime<Utc>) -> Result<Mail, String> {
        self.signing.sign(&mut mail, date).map_err(|error| error.to_string())?;
        Ok(mail)
    }
}

impl ShownMail {
    /// The header fields: names of people and the subject as readers see them, the others as they are sent.
    pub fn fields(&self) -> Vec<(String, String)> {
        let mut fields = vec![("From".to_owned(), self.from.clone())];
        let to = match &self.mail {
            Ok(mail) => with_name(&self.name, &mail.to),
            Err(reason) => format!("(no mail: {reason})"),
        };
        fields.push(("To".to_owned(), to));
        fields.push(("Subject".to_owned(), self.content.subject.clone()));
        let is_shown = |name: &str| fields.iter().any(|(shown, _)| shown == name);
        let others = self.mail.as_ref().map(header_fields).unwrap_or_default();
        let others: Vec<_> = others.into_iter().filter(|(name, _)| !is_shown(name)).collect();
        fields.extend(others);
        fields
    }
}

fn with_name(name: &str, address: &str) -> String {
    let name = one_line(name);
    if name.is_empty() { address.to_owned() } else { format!("{name} <{address}>") }
}

/// Names and values of the header fields of a mail, unfolded (RFC 5322 section 2.2.3).
fn header_fields(mail: &Mail) -> Vec<(String, String)> {
    let whole = mail.as_received();
    let header = whole.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n ", " ");
    let field = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
    header.split("\r\n").filter_map(field).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::sample;

    fn shown(participant: &Participant) -> ShownMail {
        let lookup = |name: &str| match name {
            "FROM_EMAIL" => Some("events@example.org".to_owned()),
            "FROM_NAME" => Some("Bücher & Events".to_owned()),
            _ => None,
        };
        let config = Config::from_lookup(&lookup).unwrap();
        let installation = Installation { tag: "tag".to_owned(), untagged_up_to: NotificationId::MIN };
        let date = DateTime::from_timestamp(1_797_000_000, 0).unwrap();
        let facts = NotificationFacts::of_event(Kind::Cancelled, sample::hostile());
        let templates = Templates::load(&config.content).unwrap();
        Composing::new(&config, &installation).unwrap().show(&templates, &facts, participant, date).unwrap()
    }

    #[test]
    fn people_and_subject_are_shown_as_readers_see_them() {
        let fields = shown(&sample::hostile_name()).fields();
        let value = |name: &str| fields.iter().find(|(known, _)| known == name).unwrap().1.as_str();
        assert_eq!(value("From"), "Bücher & Events <events@example.org>");
        assert_eq!(value("To"), "<b>Bob & Ann</b>, \"Jürgen\" <x> <ada@example.com>");
        assert!(value("Subject").contains("& 'Übung' Bcc: everyone@"));
        assert_eq!(value("Message-ID"), "<n3.p1.tag@example.org>");
        assert_eq!(fields.iter().filter(|(name, _)| name == "To").count(), 1);
    }

    #[test]
    fn a_participant_who_gets_no_mail_is_told_so() {
        let shown = shown(&Participant { email: None, ..sample::ada() });
        let fields = shown.fields();
        assert_eq!(fields[1], ("To".to_owned(), "(no mail: the participant has no address)".to_owned()));
        assert_eq!(fields.len(), 3);
    }
}
