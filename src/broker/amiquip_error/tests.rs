//! How errors of amiquip and of sockets are read.

use std::io::ErrorKind;

use super::*;

/// What [`std::io::Error`] and amiquip report when a connection is lost.
fn of_io(kind: ErrorKind) -> BrokerError {
    amiquip::Error::IoErrorReadingSocket { source: kind.into() }.into()
}

#[test]
fn a_loss_is_a_reset_or_silence() {
    // `Other` is the error of OpenSSL 3 when the other side vanishes without a close_notify.
    for kind in [
        ErrorKind::ConnectionReset,
        ErrorKind::BrokenPipe,
        ErrorKind::ConnectionAborted,
        ErrorKind::UnexpectedEof,
        ErrorKind::Other,
    ] {
        assert!(matches!(of_io(kind), BrokerError::Reset(_)), "{kind:?}");
    }
    assert!(matches!(amiquip::Error::UnexpectedSocketClose.into(), BrokerError::Reset(_)));
    for kind in [ErrorKind::TimedOut, ErrorKind::HostUnreachable, ErrorKind::NetworkUnreachable] {
        assert!(matches!(of_io(kind), BrokerError::Silent(_)), "{kind:?}");
    }
    assert!(matches!(amiquip::Error::MissedServerHeartbeats.into(), BrokerError::Silent(_)));
    assert!(matches!(amiquip::Error::EventLoopDropped.into(), BrokerError::Lost(_)));
}

#[test]
fn a_symptom_is_explained_by_the_cause_and_a_reason_of_the_broker_stands() {
    let lost = || BrokerError::Lost("amiquip gave no cause".to_owned());
    let reset = || BrokerError::Reset("the broker closed it and gave no reason".to_owned());
    let forced = || BrokerError::Closed { code: 320, message: "CONNECTION_FORCED".to_owned() };
    assert!(matches!(lost().explained_by(Err(reset())), BrokerError::Reset(_)));
    assert!(matches!(lost().explained_by(Err(forced())), BrokerError::Closed { code: 320, .. }));
    // RabbitMQ closes the socket right behind its reason.
    assert!(matches!(forced().explained_by(Err(reset())), BrokerError::Closed { code: 320, .. }));
    assert!(matches!(lost().explained_by(Ok(())), BrokerError::Lost(_)));
}
