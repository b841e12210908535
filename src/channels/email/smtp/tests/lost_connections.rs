//! Connections that are used up, closed or broken: which mail is submitted again, and on which connection.

use super::*;

#[test]
fn a_used_connection_that_is_closed_is_replaced_without_a_charge() {
    for end in [HANG_UP, "421 closing"] {
        let relay = ScriptedRelay::start(vec![
            script(PIPELINING, &[OK, OK, GO_ON, OK, end]),
            script(PIPELINING, &[OK, OK, GO_ON, OK]),
        ]);
        let mut transport = relay.transport();
        assert_eq!(submit(&mut transport, "a@example.com"), (Ok(()), 1));
        assert_eq!(submit(&mut transport, "b@example.com"), (Ok(()), 1));
        drop(transport);
        assert_eq!(relay.received().len(), 2);
    }
}

#[test]
fn a_refusal_counts_even_if_the_connection_is_lost_with_it() {
    for reply in ["450 later", "550 no such user"] {
        let relay = ScriptedRelay::start(vec![script(PIPELINING, &[OK, OK, GO_ON, OK, OK, reply, HANG_UP])]);
        let mut transport = relay.transport();
        assert_eq!(submit(&mut transport, "a@example.com"), (Ok(()), 1));
        let (result, bodies) = submit(&mut transport, "b@example.com");
        assert_eq!((result.unwrap_err().detail.as_str(), bodies), (reply, 0));
        drop(transport);
        assert_eq!(relay.received().len(), 1, "no second try");
    }
}

#[test]
fn a_relay_that_throttles_keeps_the_connection_unless_it_says_421() {
    let scripts = |reply: &'static str, rest: &[&'static str]| {
        vec![
            script(PIPELINING, &[&[OK, reply, "503 no recipient"], rest].concat()),
            script(PIPELINING, &[OK, OK, GO_ON, OK]),
        ]
    };
    let kept = &scripts("450 4.7.1 slow down", &["250 reset", OK, OK, GO_ON, OK])[..1];
    let closed = scripts("421 4.7.0 slow down", &[HANG_UP]);
    for scripts in [kept, &closed[..]] {
        let relay = ScriptedRelay::start(scripts.to_vec());
        let mut transport = relay.transport();
        let error = submit(&mut transport, "a@example.com").0.unwrap_err();
        assert!(matches!(error.class, Class::Throttled(_)) && error.proves_relay_works(), "{error:?}");
        assert_eq!(submit(&mut transport, "b@example.com"), (Ok(()), 1));
        drop(transport);
        let resets = relay.received().iter().flatten().filter(|line| *line == "RSET").count();
        assert_eq!(resets, usize::from(error.code == Some(450)));
    }
}

/// The relay takes no more mails on this connection: the mail goes out on a new one, also after its body was refused.
#[test]
fn a_used_up_connection_is_replaced_at_once_and_once() {
    const FULL: &str = "550 5.1.1 Too many messages on this connection";
    let fresh = || script(PIPELINING, &[OK, OK, GO_ON, OK]);
    let used: [&[&'static str]; 4] = [
        &[FULL, "503 no sender", "503 no recipient"],
        &[OK, FULL, "503 no recipient"],
        &[OK, OK, FULL],
        &[OK, OK, GO_ON, FULL],
    ];
    for (at, replies) in used.into_iter().enumerate() {
        let relay = ScriptedRelay::start(vec![
            script(PIPELINING, &[&[OK, OK, GO_ON, OK], replies].concat()),
            fresh(),
        ]);
        let mut transport = relay.transport();
        assert_eq!(submit(&mut transport, "a@example.com"), (Ok(()), 1));
        let bodies = if at == 3 { 2 } else { 1 };
        assert_eq!(submit(&mut transport, "b@example.com"), (Ok(()), bodies));
        drop(transport);
        assert_eq!(relay.received().len(), 2);

        // The first mail of a connection.
        let relay = ScriptedRelay::start(vec![script(PIPELINING, replies), fresh()]);
        let mut transport = relay.transport();
        let (result, bodies) = submit(&mut transport, "a@example.com");
        let class = Class::Throttled(crate::channels::Throttle::MailsPerConnection);
        assert_eq!((result.unwrap_err().class, bodies), (class, u32::from(at == 3)));
        assert_eq!(submit(&mut transport, "b@example.com"), (Ok(()), 1));
        drop(transport);
        assert_eq!(relay.received().len(), 2, "no third connection");
    }
}

/// Some relays mean the connection and do not say so: "460 too many messages (#4.3.0)".
#[test]
fn a_connection_that_was_throttled_twice_in_a_row_is_replaced() {
    const SLOWER: [&str; 4] = [OK, "460 too many messages (#4.3.0)", "503 no recipient", "250 reset"];
    const ACCEPTED: [&str; 4] = [OK, OK, GO_ON, OK];
    let relay = ScriptedRelay::start(vec![
        script(PIPELINING, &[&SLOWER[..], &ACCEPTED, &SLOWER, &SLOWER, &["221 bye"]].concat()),
        script(PIPELINING, &ACCEPTED),
    ]);
    let mut transport = relay.transport();
    for is_accepted in [false, true, false, false] {
        assert_eq!(submit(&mut transport, "a@example.com").0.is_ok(), is_accepted);
    }
    assert!(transport.connection.is_some(), "the outcome has not waited for the reply to QUIT");
    assert!(submit(&mut transport, "a@example.com").0.is_ok());
    drop(transport);
    let received = relay.received();
    assert_eq!((received.len(), received[0].last().unwrap().as_str()), (2, "QUIT"));
}

#[test]
fn a_loss_is_ambiguous_only_after_the_dot() {
    let before = ScriptedRelay::start(vec![script(PIPELINING, &[OK, HANG_UP])]);
    let (result, bodies) = submit(&mut before.transport(), "a@example.com");
    assert_eq!((result.unwrap_err().class, bodies), (Class::Transient, 0));

    let after = ScriptedRelay::start(vec![script(PIPELINING, &[OK, OK, GO_ON, HANG_UP])]);
    let (result, bodies) = submit(&mut after.transport(), "a@example.com");
    assert_eq!((result.unwrap_err().class, bodies), (Class::Ambiguous, 1));
}

#[test]
fn after_a_loss_behind_the_dot_the_transport_does_not_retry() {
    let relay = ScriptedRelay::start(vec![script(PIPELINING, &[OK, OK, GO_ON, OK, OK, OK, GO_ON, HANG_UP])]);
    let mut transport = relay.transport();
    assert_eq!(submit(&mut transport, "a@example.com"), (Ok(()), 1));
    let (result, bodies) = submit(&mut transport, "b@example.com");
    assert_eq!((result.unwrap_err().class, bodies), (Class::Ambiguous, 1));
    drop(transport);
    assert_eq!(relay.received().len(), 1);
}

#[test]
fn a_connection_is_replaced_after_its_maximum_of_mails() {
    let one_mail = || script(PIPELINING, &[OK, OK, GO_ON, OK, "221 bye"]);
    let relay = ScriptedRelay::start(vec![one_mail(), one_mail()]);
    let mut transport = relay.transport();
    transport.max_per_connection = 1;
    for _ in 0..2 {
        assert_eq!(submit(&mut transport, "a@example.com"), (Ok(()), 1));
    }
    drop(transport);
    let received = relay.received();
    assert!(received.iter().all(|lines| lines.last().unwrap() == "QUIT"), "{received:?}");
}
