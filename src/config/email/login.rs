//! How fanmail logs in at the relay: user name and password.

use crate::config::reader::Reader;
use crate::config::secret::Secret;

/// A login at the relay.
#[derive(Debug, Clone)]
pub struct Login {
    /// User name (`SMTP_USERNAME`).
    pub username: String,
    /// What proves who that is.
    pub password: Secret,
}

impl Login {
    /// Reads user name and password: both, or neither.
    pub(super) fn read(reader: &mut Reader<'_>, dummy: bool) -> Option<Self> {
        let username = reader.text("SMTP_USERNAME");
        let password = reader.secret("SMTP_PASSWORD");
        let (missing, present) = match (username, password) {
            (Some(username), Some(password)) => return Some(Self { username, password }),
            (None, None) => return None,
            (Some(_), None) => ("SMTP_PASSWORD", "SMTP_USERNAME"),
            (None, Some(_)) => ("SMTP_USERNAME", "SMTP_PASSWORD"),
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
