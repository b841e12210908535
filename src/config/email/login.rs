//! How fanmail logs in at the relay: user name and password, or OAuth 2.

use crate::config::email::oauth::OAuthClient;
use crate::config::reader::Reader;
use crate::config::secret::Secret;

/// A login at the relay.
#[derive(Debug, Clone)]
pub struct Login {
    /// User name, or the mailbox (`SMTP_USERNAME`).
    pub username: String,
    /// What proves that the user is fanmail's.
    pub method: LoginMethod,
}

/// What a login proves itself with.
#[derive(Debug, Clone)]
pub enum LoginMethod {
    /// A password (`SMTP_PASSWORD`).
    Password(Secret),
    /// An access token, from a token server (`SMTP_OAUTH_…`).
    OAuth(Box<OAuthClient>),
}

impl Login {
    /// Reads user name and password, or user name and OAuth client, or nothing.
    pub(super) fn read(reader: &mut Reader<'_>, dummy: bool) -> Option<Self> {
        let username = reader.text("SMTP_USERNAME");
        let password = reader.secret("SMTP_PASSWORD");
        let client = OAuthClient::read(reader);
        if client.is_none() && reader.text("SMTP_OAUTH_TOKEN_URL").is_some() {
            // Its problem is reported already, and a password is not what is missing.
            return None;
        }
        if client.is_some() && password.is_some() {
            reader.problem(
                "SMTP_PASSWORD",
                "is set, and SMTP_OAUTH_TOKEN_URL as well; keep one of the two logins".to_owned(),
            );
            return None;
        }
        let proof = client
            .map(|client| (LoginMethod::OAuth(Box::new(client)), "SMTP_OAUTH_TOKEN_URL"))
            .or_else(|| password.map(|password| (LoginMethod::Password(password), "SMTP_PASSWORD")));
        let (missing, present) = match (username, proof) {
            (Some(username), Some((method, _))) => return Some(Self { username, method }),
            (None, None) => return None,
            (Some(_), None) => ("SMTP_PASSWORD", "SMTP_USERNAME"),
            (None, Some((_, variable))) => ("SMTP_USERNAME", variable),
        };
        if !dummy {
            reader.problem(
                missing,
                format!(
                    "is not set, but {present} is; expected both, or neither if the relay needs no login"
                ),
            );
        }
        None
    }
}
