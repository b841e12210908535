//! Logging in: AUTH (RFC 4954).

use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::commands::Auth;
use lettre::transport::smtp::response::Response;

use crate::channels::email::smtp::capabilities::Capabilities;
use crate::channels::email::smtp::reply::{Phase, Reply};
use crate::channels::email::smtp::stream::RelayStream;
use crate::channels::{Class, SendError};
use crate::config::secret::Secret;

/// What to look at when the relay does not let us in.
const CHECK_LOGIN: &str = "check SMTP_USERNAME, SMTP_PASSWORD and SMTP_USE_TLS";

/// Logs in, with the first way that the relay offers and lettre knows.
pub(crate) fn log_in(
    stream: &mut RelayStream,
    capabilities: &Capabilities,
    username: &str,
    password: &Secret,
) -> Result<(), SendError> {
    const STEPS: usize = 2;
    let unable = |cause: &str| SendError::relay_failure(format!("login: {cause}; {CHECK_LOGIN}"));
    let mechanism =
        [Mechanism::Plain, Mechanism::Login].into_iter().find(|way| capabilities.supports_auth(*way));
    let mechanism = mechanism.ok_or_else(|| unable("the relay offers neither AUTH PLAIN nor AUTH LOGIN"))?;
    let credentials = Credentials::new(username.to_owned(), password.expose().to_owned());
    let mut auth = Auth::new(mechanism, credentials.clone(), None);
    for _ in 0..=STEPS {
        // lettre's errors name what it did not expect, never what it was given.
        let said = auth.map_err(|error| unable(&error.to_string()))?.to_string();
        let reply = redacted(stream.command(&said, 1), &said, password);
        match &reply {
            Reply::Complete(200..=299, _) => return Ok(()),
            Reply::Complete(334, challenge) => {
                let challenge: Result<Response, _> = format!("334 {challenge}\r\n").parse();
                auth = challenge.and_then(|challenge| {
                    Auth::new_from_response(mechanism, credentials.clone(), &challenge)
                });
            }
            Reply::Complete(code, _) => {
                let SendError { detail, .. } = reply.send_error(Phase::Connect);
                // 4yz is the relay's own trouble with its list of users, and passes.
                let detail = match code {
                    400..=499 => format!("login: {detail}"),
                    _ => format!("login: {detail}; {CHECK_LOGIN}"),
                };
                return Err(SendError { class: Class::RelayFailure, code: Some(*code), detail });
            }
            Reply::Unreadable(_) | Reply::Lost(_) => return Err(reply.send_error(Phase::Connect)),
        }
    }
    Err(unable("the relay asks for more than user name and password"))
}

/// Some relays repeat the line that they do not understand; what we said to log in is not to be seen in a log.
fn redacted(reply: Reply, said: &str, password: &Secret) -> Reply {
    let hide = |text: String| {
        let said = said.split_ascii_whitespace().next_back().unwrap_or_default();
        text.replace(said, "…").replace(password.expose(), "…")
    };
    match reply {
        Reply::Complete(code, text) if code != 334 => Reply::Complete(code, hide(text)),
        Reply::Unreadable(cause) => Reply::Unreadable(hide(cause)),
        other => other,
    }
}
