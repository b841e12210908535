//! What a channel asks and tells its caller while it submits a message. What a lane does with it is left to
//! `worker::delivery::submission`.

use std::time::Duration;

/// What [`Channel::submit`](crate::channels::Channel::submit) asks of its caller.
pub trait SubmitCallbacks {
    /// Called right before the first byte that could become a delivery. May block. After `false`, nothing is
    /// transmitted, and the error is [`Class::Withdrawn`](crate::channels::Class::Withdrawn).
    fn before_body(&mut self) -> bool;

    /// Called about once a second when the reply has not come after two seconds. After `true`, the caller has taken the
    /// next message back, to be submitted elsewhere: the channel transmits nothing more of it, and asks no more.
    fn reply_is_slow(&mut self) -> bool {
        false
    }

    /// A step has ended, well or not, after this time.
    fn took(&mut self, _step: Step, _time: Duration) {}

    /// The relay has taken the message, with this code and this text.
    fn accepted(&mut self, _code: u16, _text: &str) {}
}

/// A step of a submission that waits for the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Making a connection ready for mails.
    Connect,
    /// The envelope, to the reply to its last command.
    Envelope,
    /// The body and its reply.
    Body,
}

/// A function is a `before_body`.
impl<F: FnMut() -> bool> SubmitCallbacks for F {
    fn before_body(&mut self) -> bool {
        self()
    }
}
