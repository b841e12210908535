//! The section of outgoing mail: sender, and the relay or the dry-run mode. The relay's variables are read in
//! `relay`.

pub mod bounce_address;
pub mod dkim;
pub mod login;
pub mod oauth;
pub mod rate;
pub mod reach;
pub mod relay;
pub mod security;
pub mod unsubscribe;
pub mod webhooks;

use std::path::PathBuf;

use crate::config::email::dkim::DkimConfig;
use crate::config::email::rate::Rate;
use crate::config::email::reach::Reach;
use crate::config::email::relay::Relay;
use crate::config::email::unsubscribe::UnsubscribeConfig;
use crate::config::email::webhooks::WebhookConfig;
use crate::config::reader::Reader;

/// Sender and route of mails.
#[derive(Debug, Clone)]
pub struct EmailConfig {
    /// Through a relay, or dry-run mode.
    pub route: Route,
    /// Address in `From:` and in the envelope (`FROM_EMAIL`); its domain also ends every Message-ID.
    pub from_email: String,
    /// Display name in `From:` (`FROM_NAME`, or else `BRAND_NAME`); may be empty.
    pub from_name: String,
    /// Address in `Reply-To:` (`REPLY_TO`); `None`: replies go to `from_email`.
    pub reply_to: Option<String>,
    /// Where mails come back to (`BOUNCE_ADDRESS`); `None`: to `from_email`, where fanmail does not read them.
    pub bounce_address: Option<String>,
    /// Lanes, each with one connection (`SMTP_CONNECTIONS`).
    pub connections: usize,
    /// The fastest that all lanes together may send (`SMTP_RATE`, or `SMTP_RATE_PER_SECOND`); `None` is no limit.
    pub rate: Option<Rate>,
    /// Whom mails may reach.
    pub reach: Reach,
    /// How mails are signed; `None`: they are not.
    pub dkim: Option<DkimConfig>,
    /// The links that unsubscribe people; `None`: mails have none.
    pub unsubscribe: Option<UnsubscribeConfig>,
    /// Whose reports about mails are taken over HTTP.
    pub webhooks: WebhookConfig,
}

/// How mails leave.
#[derive(Debug, Clone)]
pub enum Route {
    /// Dry-run mode (`EMAIL_DUMMY_MODE`): no mail is sent; with `EMAIL_OUTBOX_DIR` each mail is written to a file.
    Dummy {
        /// Directory for the mails.
        outbox: Option<PathBuf>,
    },
    /// Through an SMTP relay.
    Smtp(Relay),
}

impl EmailConfig {
    /// Who gets mails, in one sentence; `None` if everyone does.
    #[must_use]
    pub fn describe_reach(&self) -> Option<String> {
        match self.route {
            Route::Dummy { .. } => Some("dry-run mode (EMAIL_DUMMY_MODE=True): no mail is sent".to_owned()),
            Route::Smtp(_) => self.reach.describe(),
        }
    }

    /// Where mails come back to.
    #[must_use]
    pub fn return_address(&self) -> &str {
        self.bounce_address.as_deref().unwrap_or(&self.from_email)
    }

    /// What weakens the signatures.
    pub fn dkim_warnings(&self) -> impl Iterator<Item = &String> {
        self.dkim.iter().flat_map(|dkim| &dkim.warnings)
    }

    /// The name that people know the sender by, where `FROM_NAME` gives none.
    pub(super) fn set_default_name(&mut self, brand: Option<&str>) {
        if self.from_name.is_empty() {
            brand.unwrap_or_default().clone_into(&mut self.from_name);
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let dummy = reader.flag("EMAIL_DUMMY_MODE").unwrap_or(true);
        let outbox = reader.path("EMAIL_OUTBOX_DIR");
        let relay = Relay::read(reader, dummy);
        let from_email = read_from_email(reader, dummy);
        Self {
            from_name: reader
                .parsed("FROM_NAME", "a name on one line", |value| {
                    (!value.chars().any(char::is_control)).then(|| value.to_owned())
                })
                .unwrap_or_default(),
            reply_to: reader.address("REPLY_TO"),
            bounce_address: bounce_address::read(reader),
            connections: reader.integer("SMTP_CONNECTIONS", &(1..=100)).unwrap_or(4),
            rate: reader.either(["SMTP_RATE", "SMTP_RATE_PER_SECOND"], Rate::read),
            reach: Reach::read(reader),
            dkim: DkimConfig::read(reader, &from_email),
            from_email,
            unsubscribe: UnsubscribeConfig::read(reader),
            webhooks: WebhookConfig::read(reader),
            route: if dummy { Route::Dummy { outbox } } else { Route::Smtp(relay) },
        }
    }
}

/// Reads `FROM_EMAIL`. Only dry-run mode has a default.
fn read_from_email(reader: &mut Reader<'_>, dummy: bool) -> String {
    let address = reader.address("FROM_EMAIL");
    if address.is_none() && !dummy {
        reader.problem("FROM_EMAIL", "is not set; expected the sender's address of your mails".to_owned());
    }
    address.unwrap_or_else(|| "noreply@example.com".to_owned())
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn from_name(from_name: Option<&str>, brand: Option<&str>) -> String {
        let value = |name: &str| match name {
            "FROM_NAME" => from_name.map(str::to_owned),
            "BRAND_NAME" => brand.map(str::to_owned),
            _ => None,
        };
        Config::from_lookup(&value).unwrap().email.from_name
    }

    #[test]
    fn the_sender_is_named_as_the_brand_is() {
        assert_eq!(from_name(None, Some("Berlin Events")), "Berlin Events");
        assert_eq!(from_name(Some(" "), Some("Berlin Events")), "Berlin Events");
        assert_eq!(from_name(Some("Ann of Berlin Events"), Some("Berlin Events")), "Ann of Berlin Events");
        assert_eq!(from_name(None, None), "");
    }
}
