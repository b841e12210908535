//! The envelope sender: `FROM_EMAIL`, or with `BOUNCE_ADDRESS` an address of its own for each mail (VERP), which tells whose mail comes back.
//! What comes back is read by `bounces`.

use std::sync::Arc;

use crate::config::email::EmailConfig;
use crate::domain::address_hash::{AddressHash, AddressKey};
use crate::domain::bounce_token::{BounceKey, BounceToken};
use crate::domain::ids::{NotificationId, ParticipantId};

/// Makes envelope senders.
#[derive(Debug, Clone)]
pub struct EnvelopeSender {
    /// That of mails without a token.
    plain: Arc<str>,
    /// What tokens are made with.
    key: Option<BounceKey>,
}

impl EnvelopeSender {
    /// As configured. Without the key of address hashes, as where the ledger is not used, every mail has the same sender.
    #[must_use]
    pub fn new(config: &EmailConfig, address_key: Option<&AddressKey>) -> Self {
        let key = config.bounce_address.as_ref().and(address_key).map(BounceKey::new);
        Self { plain: config.return_address().into(), key }
    }

    /// The sender of a mail to the address with this hash.
    #[must_use]
    pub fn of(
        &self,
        notification_id: NotificationId,
        participant_id: ParticipantId,
        hash: Option<AddressHash>,
    ) -> Arc<str> {
        let Some(key) = &self.key else { return Arc::clone(&self.plain) };
        let token = BounceToken::new(notification_id, participant_id, hash).to_text(key);
        let (local, domain) = self.plain.rsplit_once('@').unwrap_or((&self.plain, "localhost"));
        [local, "+", &token, "@", domain].concat().into()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::config::Config;

    fn sender(address: &str, with_key: bool) -> EnvelopeSender {
        let config = Config::from_lookup(&|name| match name {
            "BOUNCE_ADDRESS" => Some(address.to_owned()),
            "FROM_EMAIL" => Some("events@example.org".to_owned()),
            _ => None,
        });
        EnvelopeSender::new(&config.unwrap().email, with_key.then_some(&key()))
    }

    fn key() -> AddressKey {
        AddressKey::from_hex(&"0123456789abcdef".repeat(4)).unwrap()
    }

    fn of(sender: &EnvelopeSender, notification: i64, participant: i64, to: &str) -> String {
        sender.of(NotificationId(notification), ParticipantId(participant), key().hash(to)).to_string()
    }

    #[test]
    fn every_mail_has_an_envelope_sender_of_its_own() {
        let sender = sender("Bounces@mail.example.org", true);
        let (ann, bob) = ("ann@example.com", "bob@example.com");
        let mails =
            [(1, 1, ann), (1, 2, ann), (2, 1, ann), (1, 1, bob), (12, 1, ann), (1, 21, ann), (1, -1, ann)];
        let senders: HashSet<String> = mails.iter().map(|(n, p, to)| of(&sender, *n, *p, to)).collect();
        assert_eq!(senders.len(), mails.len());
        for sender in senders {
            assert!(sender.starts_with("Bounces+") && sender.ends_with("@mail.example.org"), "{sender}");
        }
        assert_eq!(of(&sender, 1, 1, ann), of(&sender, 1, 1, " ANN@Example.com"));
        // What no hash can be made of has one, too.
        assert!(of(&sender, 1, 1, "\"a b\"@example.com").starts_with("Bounces+"));
    }

    #[test]
    fn without_a_ledger_or_the_variable_all_mails_have_one() {
        assert_eq!(of(&sender("bounces@example.org", false), 1, 1, "ann@example.com"), "bounces@example.org");
        assert_eq!(of(&sender("", true), 1, 1, "ann@example.com"), "events@example.org");
    }
}
