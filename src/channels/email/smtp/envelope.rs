//! The envelope of a mail: `MAIL FROM`, `RCPT TO` and `DATA`. Writes it, and decides what the replies mean for the mail
//! and for the connection. Writes no body: that is left to `smtp`.

use crate::channels::SendError;
use crate::channels::email::mail::Mail;
use crate::channels::email::smtp::connection::RelayConnection;
use crate::channels::email::smtp::reply::Reply;
use crate::channels::email::smtp::reply::phase::Phase;

/// How an SMTP transaction failed.
pub(crate) enum TransactionError {
    /// The relay refused the mail. The connection is ready for the next mail.
    Refused(SendError),
    /// `before_body` returned `false`. The connection is closed, as the relay expects a body.
    Withdrawn,
    /// The connection is unusable.
    Broken(SendError, Phase),
    /// The body waited longer than the relay may tolerate. Writing it now risks a loss after the dot, which is
    /// ambiguous.
    BodyDelayed,
}

impl TransactionError {
    /// The error as a lane sees it.
    pub fn into_send_error(self) -> SendError {
        match self {
            Self::Withdrawn => SendError::withdrawn(),
            Self::Refused(error) | Self::Broken(error, _) => error,
            Self::BodyDelayed => SendError::body_delayed(),
        }
    }
}

/// The three commands of one mail.
pub(crate) struct Envelope([String; 3]);

impl Envelope {
    /// The envelope of `mail`.
    pub fn new(mail: &Mail) -> Self {
        let parameters = if mail.to.is_ascii() { "" } else { " SMTPUTF8 BODY=8BITMIME" };
        Self([
            format!("MAIL FROM:<{}>{parameters}\r\n", mail.envelope_from),
            format!("RCPT TO:<{}>\r\n", mail.to),
            "DATA\r\n".to_owned(),
        ])
    }

    /// All three in one text. Only for a relay that offers PIPELINING.
    pub fn all_commands(&self) -> String {
        self.0.concat()
    }

    /// Writes the envelope, in one write if the relay offers PIPELINING, and reads the replies. After `Ok`, the relay
    /// waits for the body.
    ///
    /// # Errors
    /// When the relay does not accept the envelope.
    pub fn send(&self, connection: &mut RelayConnection) -> Result<(), TransactionError> {
        if connection.pipelining {
            let sender_reply = connection.command(&self.all_commands());
            return read_replies(connection, sender_reply);
        }
        let Self([sender, recipient, data]) = self;
        for (phase, command) in [(Phase::Sender, sender), (Phase::Recipient, recipient)] {
            let reply = connection.command(command);
            if !reply.is_positive() {
                return Err(transaction_error(connection, phase, &reply));
            }
        }
        let data_reply = connection.command(data);
        if data_reply.wants_body() {
            Ok(())
        } else {
            Err(transaction_error(connection, Phase::Data, &data_reply))
        }
    }
}

/// Reads the replies to an envelope that was written in one; `sender_reply` is already read. All replies of the group
/// are read before the next command. Otherwise the next mail would read this one's replies (RFC 2920 section 3.1).
///
/// # Errors
/// When the relay does not accept the envelope.
pub(crate) fn read_replies(
    connection: &mut RelayConnection,
    sender_reply: Reply,
) -> Result<(), TransactionError> {
    if !sender_reply.is_complete() {
        return Err(transaction_error(connection, Phase::Sender, &sender_reply));
    }
    let recipient_reply = connection.read_reply();
    if !recipient_reply.is_complete() {
        // After a 421 to the sender and a closed connection, the missing reply is not the recipient's fault: the 421
        // is the reason.
        let (phase, reply) = if sender_reply.is_positive() {
            (Phase::Recipient, recipient_reply)
        } else {
            (Phase::Sender, sender_reply)
        };
        return Err(TransactionError::Broken(reply.send_error(phase), phase));
    }
    let data_reply = connection.read_reply();
    let (phase, reply) = if !sender_reply.is_positive() {
        (Phase::Sender, sender_reply)
    } else if !recipient_reply.is_positive() {
        (Phase::Recipient, recipient_reply)
    } else if data_reply.wants_body() {
        return Ok(());
    } else {
        return Err(transaction_error(connection, Phase::Data, &data_reply));
    };
    if data_reply.wants_body() || !data_reply.is_complete() {
        // A relay that waits for a body although it accepted no recipient gets none: an empty body would end the wait
        // (RFC 2920 section 3.1), but might be delivered. A relay that is gone or silent gets no RSET.
        return Err(TransactionError::Broken(reply.send_error(phase), phase));
    }
    Err(transaction_error(connection, phase, &reply))
}

/// The error for an envelope that was not accepted. After a refused recipient, RSET makes the connection ready again;
/// after a relay failure or a 421, the connection is given up.
fn transaction_error(connection: &mut RelayConnection, phase: Phase, reply: &Reply) -> TransactionError {
    let error = reply.send_error(phase);
    if reply.is_complete() && !error.needs_new_connection() && connection.reset() {
        TransactionError::Refused(error)
    } else {
        TransactionError::Broken(error, phase)
    }
}
