//! Login with AUTH PLAIN, LOGIN or XOAUTH2 (RFC 4954). Getting an access token is left to `channels/email/oauth`. No
//! credential reaches a log or an error.

use std::collections::VecDeque;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lettre::transport::smtp::authentication::Mechanism;

use crate::channels::SendError;
use crate::channels::email::smtp::capabilities::Capabilities;
use crate::channels::email::smtp::reply::Reply;
use crate::channels::email::smtp::reply::phase::Phase;
use crate::channels::email::smtp::stream::RelayStream;
use crate::config::secret::Secret;
use crate::text::clean::{cut, one_line};

/// What the user should check when the relay refuses the login.
const CHECK_PASSWORD: &str = "check SMTP_USERNAME, SMTP_PASSWORD and SMTP_SECURITY";
const CHECK_TOKEN: &str =
    "check SMTP_USERNAME and SMTP_OAUTH_SCOPE, and that the client may send as this mailbox";

/// Longest command with a response in it, in bytes: a longer one waits for a challenge first (RFC 4954 section 4).
const COMMAND_MAX: usize = 512;

/// Characters of a challenge that an error shows.
const SHOWN_MAX: usize = 200;

/// Shortest part of a credential that is hidden when a relay repeats only a part.
const HIDDEN_MIN: usize = 8;

/// What proves that the user is fanmail's.
#[derive(Clone, Copy)]
pub(crate) enum Proof<'a> {
    /// A password.
    Password(&'a Secret),
    /// An OAuth access token.
    Token(&'a Secret),
}

/// Logs in with the first mechanism that the relay offers and does not refuse.
///
/// # Errors
/// A relay failure that says what to check.
pub(crate) fn log_in(
    stream: &mut RelayStream,
    capabilities: &Capabilities,
    username: &str,
    proof: Proof<'_>,
) -> Result<(), SendError> {
    let mut refused = None;
    for mechanism in proof.mechanisms() {
        if !capabilities.supports_auth(*mechanism) {
            continue;
        }
        match Exchange::new(*mechanism, username, proof).run(stream) {
            // The mechanism is refused and not the credentials: another one may do (RFC 4954 sections 4 and 6).
            Err(error) if matches!(error.code, Some(500..=504 | 534 | 538)) => refused = Some(error),
            result => return result,
        }
    }
    Err(refused.unwrap_or_else(|| not_offered(capabilities, proof)))
}

impl Proof<'_> {
    /// The mechanisms that can carry it, best first.
    fn mechanisms(self) -> &'static [Mechanism] {
        match self {
            Self::Password(_) => &[Mechanism::Plain, Mechanism::Login],
            Self::Token(_) => &[Mechanism::Xoauth2],
        }
    }

    fn secret(&self) -> &str {
        match self {
            Self::Password(secret) | Self::Token(secret) => secret.expose(),
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Password(_) => CHECK_PASSWORD,
            Self::Token(_) => CHECK_TOKEN,
        }
    }
}

/// The error for a relay that offers none of the mechanisms.
fn not_offered(capabilities: &Capabilities, proof: Proof<'_>) -> SendError {
    let offered: Vec<&str> = capabilities.auth_mechanisms().collect();
    let offered = if offered.is_empty() {
        "it offers no login at all".to_owned()
    } else {
        format!("it offers {}", cut(one_line(&offered.join(", ")), SHOWN_MAX))
    };
    let (wanted, advice) = match proof {
        Proof::Password(_) if offered.contains("XOAUTH2") => {
            ("neither AUTH PLAIN nor AUTH LOGIN", "XOAUTH2 needs SMTP_OAUTH_TOKEN_URL")
        }
        Proof::Password(_) => ("neither AUTH PLAIN nor AUTH LOGIN", CHECK_PASSWORD),
        Proof::Token(_) => ("no AUTH XOAUTH2", "check SMTP_HOST, SMTP_PORT and SMTP_SECURITY"),
    };
    SendError::relay_failure(format!("login: the relay offers {wanted} ({offered}); {advice}"))
}

/// One AUTH command with its challenges and responses.
struct Exchange<'a> {
    mechanism: Mechanism,
    proof: Proof<'a>,
    /// What is sent after the command, in Base64. A relay may ask for each with any words, or with none.
    responses: VecDeque<String>,
    /// Everything that a reply must not show.
    secrets: Vec<String>,
}

impl<'a> Exchange<'a> {
    fn new(mechanism: Mechanism, username: &str, proof: Proof<'a>) -> Self {
        let secret = proof.secret();
        let responses: Vec<String> = match mechanism {
            Mechanism::Plain => vec![format!("\0{username}\0{secret}")],
            Mechanism::Login => vec![username.to_owned(), secret.to_owned()],
            Mechanism::Xoauth2 => vec![format!("user={username}\x01auth=Bearer {secret}\x01\x01")],
        };
        let responses: VecDeque<String> = responses.iter().map(|text| STANDARD.encode(text)).collect();
        let mut secrets = vec![secret.to_owned(), STANDARD.encode(secret)];
        secrets.extend(responses.iter().cloned());
        Self { mechanism, proof, responses, secrets }
    }

    fn run(mut self, stream: &mut RelayStream) -> Result<(), SendError> {
        let mut command = self.command();
        // What a relay says about a token that it does not accept, in a challenge of its own.
        let mut complaint = None;
        loop {
            match stream.command(&command) {
                Reply::Complete(200..=299, _) => return Ok(()),
                Reply::Complete(334, challenge) => match self.responses.pop_front() {
                    Some(response) => command = format!("{response}\r\n"),
                    // The refusal follows after an empty line.
                    None if self.mechanism == Mechanism::Xoauth2 && complaint.is_none() => {
                        complaint = Some(self.decode(&challenge));
                        "\r\n".clone_into(&mut command);
                    }
                    None => return Err(self.asks_for_more()),
                },
                reply => return Err(self.refusal(reply, complaint.as_deref())),
            }
        }
    }

    /// The AUTH command. It takes the only response along if there is room for it.
    fn command(&mut self) -> String {
        let bare = format!("AUTH {}\r\n", self.mechanism);
        match self.responses.front() {
            Some(response)
                if self.mechanism != Mechanism::Login
                    && bare.len() + " ".len() + response.len() <= COMMAND_MAX =>
            {
                let command = format!("AUTH {} {response}\r\n", self.mechanism);
                self.responses.pop_front();
                command
            }
            _ => bare,
        }
    }

    /// The text of a challenge, such as the JSON of XOAUTH2 with its status.
    fn decode(&self, challenge: &str) -> String {
        let bytes = STANDARD.decode(challenge.trim()).unwrap_or_default();
        cut(one_line(&self.hide(String::from_utf8_lossy(&bytes).into_owned())), SHOWN_MAX)
    }

    fn asks_for_more(&self) -> SendError {
        SendError::relay_failure(format!(
            "login with {}: the relay asks for more than user name and password; {}",
            self.mechanism,
            self.proof.advice()
        ))
    }

    /// The error for a reply that ends the login.
    fn refusal(&self, reply: Reply, complaint: Option<&str>) -> SendError {
        let reply = match reply {
            Reply::Complete(code, text) => Reply::Complete(code, self.hide(text)),
            Reply::Unreadable(cause) => Reply::Unreadable(self.hide(cause)),
            lost @ Reply::Lost(_) => lost,
        };
        let error = reply.send_error(Phase::Connect);
        let complaint = complaint.filter(|text| !text.is_empty()).map(|text| format!(" ({text})"));
        let detail =
            format!("login with {}: {}{}", self.mechanism, error.detail, complaint.unwrap_or_default());
        match error.code {
            None => SendError { detail, ..error },
            // 4yz: the relay cannot reach its user database for now. The configuration is not at fault.
            Some(400..=499) => SendError { code: error.code, ..SendError::relay_failure(detail) },
            Some(_) => {
                let detail = format!("{detail}; {}", self.proof.advice());
                SendError { code: error.code, ..SendError::relay_failure(detail) }
            }
        }
    }

    /// The text without credentials: some relays repeat a line that they do not understand, or a part of it, and replies
    /// are logged.
    fn hide(&self, mut text: String) -> String {
        for secret in &self.secrets {
            text = text.replace(secret.as_str(), "…");
        }
        let is_part = |word: &&str| {
            word.len() >= HIDDEN_MIN && self.secrets.iter().any(|secret| secret.contains(*word))
        };
        let ends_word =
            |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '(' | ')' | ':' | ',');
        let parts: Vec<String> = text.split(ends_word).filter(is_part).map(str::to_owned).collect();
        parts.iter().fold(text, |text, part| text.replace(part, "…"))
    }
}
