//! Login with AUTH PLAIN or AUTH LOGIN (RFC 4954). lettre encodes the answers; no credential reaches a log or an error.

use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::commands::Auth;
use lettre::transport::smtp::response::Response;

use crate::channels::email::smtp::capabilities::Capabilities;
use crate::channels::email::smtp::reply::Reply;
use crate::channels::email::smtp::reply::phase::Phase;
use crate::channels::email::smtp::stream::RelayStream;
use crate::channels::{Class, SendError};
use crate::config::secret::Secret;

/// What the user should check when the relay refuses the login.
const CHECK_LOGIN: &str = "check SMTP_USERNAME, SMTP_PASSWORD and SMTP_USE_TLS";

/// Challenges that the relay may send: user name and password.
const MAX_CHALLENGES: usize = 2;

/// Logs in with the first mechanism that the relay offers.
///
/// # Errors
/// A relay failure that says what to check.
pub(crate) fn log_in(
    stream: &mut RelayStream,
    capabilities: &Capabilities,
    username: &str,
    password: &Secret,
) -> Result<(), SendError> {
    let unable = |cause: &str| SendError::relay_failure(format!("login: {cause}; {CHECK_LOGIN}"));
    let mechanism = [Mechanism::Plain, Mechanism::Login]
        .into_iter()
        .find(|mechanism| capabilities.supports_auth(*mechanism));
    let mechanism = mechanism.ok_or_else(|| unable("the relay offers neither AUTH PLAIN nor AUTH LOGIN"))?;
    let credentials = Credentials::new(username.to_owned(), password.expose().to_owned());
    let mut auth = Auth::new(mechanism, credentials.clone(), None);
    for _ in 0..=MAX_CHALLENGES {
        // lettre's errors never contain the credentials.
        let command = auth.map_err(|error| unable(&error.to_string()))?.to_string();
        let reply = redacted(stream.command(&command), &command, password);
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
                // 4yz: the relay cannot reach its user database for now. The configuration is not at fault.
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

/// The reply without credentials: some relays repeat a line that they do not understand, and replies are logged.
fn redacted(reply: Reply, command: &str, password: &Secret) -> Reply {
    let hide = |text: String| {
        let encoded = command.split_ascii_whitespace().next_back().unwrap_or_default();
        text.replace(encoded, "…").replace(password.expose(), "…")
    };
    match reply {
        Reply::Complete(code, text) if code != 334 => Reply::Complete(code, hide(text)),
        Reply::Unreadable(cause) => Reply::Unreadable(hide(cause)),
        other => other,
    }
}
