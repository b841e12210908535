//! The envelope of a mail, `MAIL FROM`, `RCPT TO` and `DATA`: how it is written, and what its answers mean for the mail
//! and for the connection. Writes no body.

use crate::channels::email::mail::Mail;
use crate::channels::email::smtp::connection::RelayConnection;
use crate::channels::email::smtp::reply::{Phase, Reply};
use crate::channels::{Class, SendError};

/// How a transaction can end badly.
pub(crate) enum TransactionError {
    /// The relay said no; the connection is ready for the next mail.
    Refused(SendError),
    /// The sender took the mail back; so the connection is of no use any more.
    Withdrawn,
    /// The connection is of no use any more.
    Broken(SendError, Phase),
    /// The body had to wait for so long that the relay may have given up. Written now, it would be lost, and
    /// nobody could tell it from one that was taken.
    BodyDelayed,
}

impl TransactionError {
    pub fn into_send_error(self) -> SendError {
        match self {
            Self::Withdrawn => SendError::withdrawn(),
            Self::Refused(error) | Self::Broken(error, _) => error,
            Self::BodyDelayed => SendError {
                class: Class::RelayFailure,
                code: None,
                detail: "the body had to wait for too long, twice".to_owned(),
            },
        }
    }
}

/// The three commands of one mail.
pub(crate) struct Envelope([String; 3]);

impl Envelope {
    pub fn new(mail: &Mail) -> Self {
        let parameters = if mail.to.is_ascii() { "" } else { " SMTPUTF8 BODY=8BITMIME" };
        Self([
            format!("MAIL FROM:<{}>{parameters}\r\n", mail.envelope_from),
            format!("RCPT TO:<{}>\r\n", mail.to),
            "DATA\r\n".to_owned(),
        ])
    }

    /// All of it, for one write. Only for a relay that offers PIPELINING.
    pub fn all_commands(&self) -> String {
        self.0.concat()
    }

    /// Writes it, in one write where the relay allows that, and reads what the relay says: that it waits for the body.
    pub fn open(&self, connection: &mut RelayConnection) -> Result<(), TransactionError> {
        if connection.pipelining {
            let sender_reply = connection.command(&self.all_commands());
            return read_replies(connection, sender_reply);
        }
        let Self([sender, recipient, data]) = self;
        for (phase, command) in [(Phase::Sender, sender), (Phase::Recipient, recipient)] {
            let reply = connection.command(command);
            if !reply.is_positive() {
                return Err(refused(connection, phase, &reply));
            }
        }
        let data_reply = connection.command(data);
        if data_reply.wants_body() { Ok(()) } else { Err(refused(connection, Phase::Data, &data_reply)) }
    }
}

/// What the relay says to an envelope that was written in one, of which the first answer is read already. Every
/// reply that such a group owes is read before the next command, or the next mail would read this one's replies
/// (RFC 2920 section 3.1).
pub(crate) fn read_replies(
    connection: &mut RelayConnection,
    sender_reply: Reply,
) -> Result<(), TransactionError> {
    if !sender_reply.is_complete() {
        return Err(refused(connection, Phase::Sender, &sender_reply));
    }
    let recipient_reply = connection.read_reply();
    if !recipient_reply.is_complete() {
        // A relay that says 421 to the sender and hangs up has given its reason: what is then missing is not
        // the recipient's.
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
        return Err(refused(connection, Phase::Data, &data_reply));
    };
    if data_reply.wants_body() || !data_reply.is_complete() {
        // A relay that waits for a body although it took no recipient is left waiting: an empty one would end
        // the wait (RFC 2920 section 3.1), but might be delivered as a mail. One that is gone, or silent, is not
        // asked for a RSET.
        return Err(TransactionError::Broken(reply.send_error(phase), phase));
    }
    Err(refused(connection, phase, &reply))
}

/// What a refused envelope means for the mail and for the connection. A refused recipient costs a RSET; trouble
/// with the relay is best tried again on a fresh connection.
fn refused(connection: &mut RelayConnection, phase: Phase, reply: &Reply) -> TransactionError {
    let error = reply.send_error(phase);
    if reply.is_complete() && !error.class.needs_new_connection() && connection.reset() {
        TransactionError::Refused(error)
    } else {
        TransactionError::Broken(error, phase)
    }
}
