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

#[test]
fn the_words_of_a_broker_are_one_line_without_control_characters() {
    let message = format!("NO\u{1b}[2J\r\n2026 INFO forged\u{202e}{}", "x".repeat(2_000));
    for error in [
        amiquip::Error::ServerClosedConnection { code: 541, message: message.clone() },
        amiquip::Error::ServerClosedChannel { channel_id: 1, code: 404, message: message.clone() },
        amiquip::Error::ServerClosedChannel {
            channel_id: 1,
            code: 406,
            message: format!("delivery acknowledgement {message}"),
        },
    ] {
        let text = BrokerError::from(error).to_string();
        assert!(text.contains("NO [2J 2026 INFO forged"), "{text}");
        assert!(!text.chars().any(|c| c.is_control() || c == '\u{202e}'), "{text:?}");
        assert!(text.chars().count() < 800, "{text}");
    }
}

/// A person has to change something; the same attempt fails until then.
#[test]
fn errors_of_queues_tell_what_is_wrong_with_the_queue() {
    let of = |code: u16, text: &str| {
        let error = amiquip::Error::ServerClosedChannel { channel_id: 1, code, message: text.to_owned() };
        BrokerError::of_queue(error, "q", "LAVINMQ_QUEUE")
    };
    let exclusive_consumer = "ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use";
    assert!(matches!(of(403, "ACCESS_REFUSED - access to queue"), BrokerError::NotReadable { .. }));
    assert!(matches!(of(405, "RESOURCE_LOCKED"), BrokerError::Exclusive { .. }));
    // It may end at any time, so the worker waits.
    assert!(matches!(of(403, exclusive_consumer), BrokerError::OtherConsumer { .. }));
    assert!(!of(403, exclusive_consumer).is_unusable_queue());
    let told = of(403, exclusive_consumer).to_string();
    assert!(told.starts_with("another consumer has the queue \"q\" for itself: ACCESS_REFUSED"), "{told}");
    assert!(told.ends_with("; stop it (`rabbitmqctl list_consumers` shows it)"), "{told}");
    assert!(matches!(of(404, "NOT_FOUND - home node is down"), BrokerError::Closed { code: 404, .. }));
    for (code, unusable) in [(406, false), (403, true), (405, true), (404, false), (541, false)] {
        assert_eq!(of(code, "no").is_unusable_queue(), unusable, "{code}");
    }
    // The dead letter is not to blame for the queue.
    let objection = |code| BrokerError::Closed { code, message: String::new() }.is_objection();
    assert_eq!(
        [320, 403, 404, 405, 406, 501, 541].map(objection),
        [false, false, false, false, true, true, false]
    );
}

#[test]
fn a_stream_is_told_by_the_words_of_each_broker() {
    let of = |code: u16, text: &str| {
        let error = amiquip::Error::ServerClosedChannel { channel_id: 1, code, message: text.to_owned() };
        BrokerError::of_queue(error, "q", "LAVINMQ_QUEUE")
    };
    for (code, words) in [
        (406, "invalid arg 'x-priority' for queue 'q' in vhost '/' of queue type rabbit_stream_queue"),
        (406, "invalid arg 'x-priority' for queue 'q' in vhost '/' of queue type stream"),
        (406, "x-priority not supported on stream queues"),
        (406, "x-priority not supported on streams"),
        (540, "basic.get not supported by stream queues queue 'q' in vhost '/'"),
    ] {
        let error = of(code, words);
        assert!(matches!(error, BrokerError::Stream { .. }), "{words}: {error:?}");
        assert!(error.is_unusable_queue() && !error.is_transient(), "{words}");
    }
    let other = of(406, "invalid arg 'x-priority' for queue 'stream' in vhost '/': \"expected integer\"");
    assert!(matches!(other, BrokerError::Closed { code: 406, .. }), "{other:?}");
}

#[test]
fn a_missing_queue_and_a_missing_permission_name_the_cure() {
    let closed = |code, text: &str| amiquip::Error::ServerClosedChannel {
        channel_id: 1,
        code,
        message: text.to_owned(),
    };
    let refused = "ACCESS_REFUSED - access to queue 'q' in vhost '/' refused for user 'u'";
    for (code, words) in
        [(403, refused), (406, "cannot declare queue 'q': queue limit in vhost '/' is reached")]
    {
        let error = BrokerError::of_creation(closed(code, words), "q", "LAVINMQ_QUEUE");
        assert!(error.is_unusable_queue() && !error.is_transient(), "{error:?}");
        let text = error.to_string();
        for part in ["\"q\" does not exist", words, "create it yourself", "configure", "LAVINMQ_QUEUE"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    let refused = "ACCESS_REFUSED - access to exchange 'amq.default' in vhost '/' refused for user 'u'";
    let error = BrokerError::of_publishing(closed(403, refused), "q");
    assert!(error.is_unusable_queue() && !error.is_transient() && !error.is_objection(), "{error:?}");
    let text = error.to_string();
    for part in ["may not publish to the queue \"q\"", refused, "write on amq.default"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}
