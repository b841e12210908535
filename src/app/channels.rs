//! Makes what renders and sends mails, as configured.

use log::Level;

use crate::channels::SendError;
use crate::channels::email::EmailChannel;
use crate::config::content::ContentConfig;
use crate::config::email::{EmailConfig, Route};
use crate::content::error::TemplateError;
use crate::content::renderer::Templates;
use crate::domain::address_hash::AddressKey;
use crate::domain::installation::Installation;
use crate::routes::Routes;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::text::mask::leave_message_ids;
use crate::worker::database_retry::DatabaseRetry;

/// The built-in templates, with those of `TEMPLATES_DIR` in their place. Logs what was found there.
///
/// # Errors
/// Names the file and the line of a template that does not render.
pub fn templates(config: &ContentConfig) -> Result<Templates, TemplateError> {
    templates_for(config, None)
}

/// The same, and those that the routes name.
///
/// # Errors
/// Names the file and the line of a template that does not render, or the file that is missing.
pub fn templates_for(config: &ContentConfig, routes: Option<&Routes>) -> Result<Templates, TemplateError> {
    let templates = load_templates(config, routes)?;
    if let Some(dir) = templates.dir() {
        let level = if dir.used.is_empty() { Level::Warn } else { Level::Info };
        log::log!(level, "{dir}");
        dir.misnamed().iter().for_each(|file| log::warn!("{file}"));
    }
    Ok(templates)
}

/// The same, without a log line.
///
/// # Errors
/// As [`templates_for`].
pub fn load_templates(config: &ContentConfig, routes: Option<&Routes>) -> Result<Templates, TemplateError> {
    let folders = routes.map(Routes::folders).unwrap_or_default();
    Templates::load_with(config, &folders)
}

/// The key of address hashes, if mails have some. Waits for a database that is away; at a shutdown there is no key.
///
/// # Errors
/// When waiting does not help.
pub fn address_key(
    config: &EmailConfig,
    store: &Store,
    database_retry: &DatabaseRetry,
) -> Result<Option<AddressKey>, StoreError> {
    if config.bounce_address.is_none() && config.unsubscribe.is_none() {
        return Ok(None);
    }
    database_retry.while_transient(|| store.address_key()).ok().transpose()
}

/// The email channels, one for each lane: `SMTP_CONNECTIONS` of them. Logs where mails go, and how they are signed.
///
/// # Errors
/// When the TLS library cannot be set up, or cannot use a DKIM key.
pub fn email(
    config: &EmailConfig,
    installation: &Installation,
    templates: &Templates,
    address_key: Option<&AddressKey>,
) -> Result<Vec<EmailChannel>, SendError> {
    if let Some((_, domain)) = config.from_email.rsplit_once('@') {
        leave_message_ids(&installation.tag, domain);
    }
    log_route(config);
    log_signing(config);
    EmailChannel::for_lanes(config, installation, templates, address_key)
}

fn log_route(config: &EmailConfig) {
    match &config.route {
        Route::Dummy { outbox } => log::warn!(
            "dry-run mode (EMAIL_DUMMY_MODE=True): NO MAIL IS SENT{}",
            outbox.as_ref().map_or(String::new(), |dir| format!("; mails are written to {}", dir.display()))
        ),
        Route::Smtp(relay) => {
            if let Some(reach) = config.reach.describe() {
                log::warn!("{reach}");
            }
            log::info!(
                "sending mails through {}:{} over up to {} connections",
                relay.host,
                relay.port,
                config.connections
            );
            if relay.is_plaintext_off_host() {
                log::warn!(
                    "TLS is turned off (SMTP_SECURITY=none or SMTP_USE_TLS=False), and the relay {} is on another machine: \
                     mails, and the password if there is one, cross the network unencrypted",
                    relay.host
                );
            }
        }
    }
}

fn log_signing(config: &EmailConfig) {
    if let Some(dkim) = &config.dkim {
        log::info!("signing mails with DKIM: {dkim}");
    }
    config.dkim_warnings().for_each(|warning| log::warn!("{warning}"));
}
