//! Links that unsubscribe people: one for each mail, and the headers with it (RFC 2369, RFC 8058). What such a link does is left to
//! `http`, how the parts show it to the templates.

use crate::config::email::unsubscribe::{UnsubscribeConfig, UnsubscribeUrl};
use crate::config::secret::Secret;
use crate::domain::address_hash::AddressHash;
use crate::domain::ids::EventId;
use crate::domain::kind::Kind;
use crate::domain::participant::Participant;
use crate::domain::unsubscribe_token::{TokenKeys, UnsubscribeToken};

/// Makes the links. Cheap to clone.
#[derive(Debug, Clone)]
pub struct UnsubscribeLinks {
    url: UnsubscribeUrl,
    keys: TokenKeys,
}

impl UnsubscribeLinks {
    /// Links as configured.
    #[must_use]
    pub fn new(config: &UnsubscribeConfig) -> Self {
        let keys = TokenKeys::new(config.secrets.iter().map(Secret::expose));
        Self { url: config.url.clone(), keys }
    }

    /// The link for a participant who gets such a mail at the address with this hash. `None` for a cancellation: people have to know of it,
    /// and stop them on the page of another link if they want to.
    pub(crate) fn link(
        &self,
        kind: Kind,
        event_id: Option<EventId>,
        participant: &Participant,
        address: Option<AddressHash>,
    ) -> Option<String> {
        if kind == Kind::Cancelled {
            return None;
        }
        let locale = participant.locale.clone();
        let token = self.keys.write(&UnsubscribeToken { address: address?, kind, event_id, locale })?;
        Some(self.url.with(&token))
    }
}

/// The headers with a link. It cannot be broken, and has a line of its own.
pub(super) fn header_lines(url: &str) -> String {
    format!("List-Unsubscribe:\n <{url}>\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::sample;
    use crate::domain::address_hash::AddressKey;

    fn hash(address: &str) -> Option<AddressHash> {
        AddressKey::sample().hash(address)
    }

    fn links(url: &str) -> (UnsubscribeLinks, TokenKeys) {
        let secret = "0123456789abcdef0123456789abcdef";
        let config = UnsubscribeConfig {
            url: UnsubscribeUrl::parse(url).unwrap(),
            secrets: vec![Secret::new(secret.to_owned())],
        };
        (UnsubscribeLinks::new(&config), TokenKeys::new([secret]))
    }

    #[test]
    fn a_link_says_whose_mail_it_is_in_and_what_it_is_about() {
        let (links, keys) = links("https://example.org/unsubscribe");
        let link = |kind, event_id, address| links.link(kind, event_id, &sample::ada(), hash(address));
        let event = Some(EventId::Number(7));
        let updated = link(Kind::Updated, event, "ada@example.com").unwrap();
        let token = updated.strip_prefix("https://example.org/unsubscribe/").unwrap();
        let said = keys.read(token).unwrap();
        assert_eq!((said.kind, said.event_id, said.locale), (Kind::Updated, event, sample::ada().locale));
        assert_eq!(link(Kind::Updated, event, " ADA@example.com").unwrap(), updated);
        assert_ne!(link(Kind::Updated, event, "bob@example.com").unwrap(), updated);
        assert_eq!(
            keys.read(&link(Kind::Notice, None, "ada@example.com").unwrap()[32..]).unwrap().event_id,
            None
        );
        assert_eq!(link(Kind::Cancelled, event, "ada@example.com"), None);
        assert_eq!(link(Kind::Updated, event, "ada"), None);
    }

    #[test]
    fn the_longest_link_fits_into_a_line() {
        let (links, _) = links(&format!("https://example.org/{}", "x".repeat(370)));
        let event = EventId::from_text(&"ü".repeat(100)).unwrap();
        let ada = Participant { locale: Some("x".repeat(16)), ..sample::ada() };
        let link = links.link(Kind::Reminder, Some(event), &ada, hash("ada@example.com")).unwrap();
        let headers = header_lines(&link);
        assert!(headers.lines().all(|line| line.len() < 998), "{headers}");
        assert!(headers.ends_with(">\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\n"));
    }
}
