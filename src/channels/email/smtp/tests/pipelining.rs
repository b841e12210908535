//! The envelope of the next mail behind the body of the mail before it.

use super::*;

/// Submits mails to these recipients, each envelope pipelined behind the mail before it. Returns all results.
fn submit_all(transport: &mut SmtpTransport, recipients: &[&str]) -> Vec<Result<(), Class>> {
    let mails: Vec<Mail> = recipients.iter().map(|to| mail(to)).collect();
    let nexts = mails.iter().skip(1).map(Some).chain([None]);
    mails
        .iter()
        .zip(nexts)
        .map(|(mail, next)| transport.submit(mail, next, &mut || true).map_err(|error| error.class))
        .collect()
}

fn bodies(received: &[Vec<String>]) -> Vec<usize> {
    received.iter().map(|lines| lines.iter().filter(|line| line.contains("Subject:")).count()).collect()
}

#[test]
fn a_pipelined_mail_takes_one_round_trip() {
    // The relay replies to a body only after it has the whole next envelope.
    let behind = ["~250 ok", "~250 ok", "~250 ok", GO_ON];
    let relay = ScriptedRelay::start(vec![script(
        PIPELINING,
        &[&["~250 ok", "~250 ok", GO_ON], &behind[..], &behind, &[OK, OK]].concat(),
    )]);
    let mut transport = relay.transport();
    assert_eq!(submit_all(&mut transport, &["a@example.com", "b@example.com", "c@example.com"]), [Ok(()); 3]);
    drop(transport);
    let received = relay.received();
    assert_eq!(bodies(&received), [3]);
    assert_eq!(received[0].last().unwrap(), "QUIT");
}

#[test]
fn each_mail_has_its_own_envelope_sender() {
    let behind = ["~250 ok", "~250 ok", "~250 ok", GO_ON];
    let relay =
        ScriptedRelay::start(vec![script(PIPELINING, &[&[OK, OK, GO_ON], &behind[..], &[OK, OK]].concat())]);
    let mut transport = relay.transport();
    let (a, b) = (mail("a@example.com"), mail("b@example.com"));
    let b = Mail { envelope_from: "bounces+b@example.com".into(), ..b };
    assert_eq!(transport.submit(&a, Some(&b), &mut || true), Ok(()));
    assert_eq!(transport.submit(&b, None, &mut || true), Ok(()));
    drop(transport);
    let received = relay.received();
    let senders: Vec<_> = received[0].iter().filter(|line| line.starts_with("MAIL")).collect();
    assert_eq!(senders, ["MAIL FROM:<events@example.com>", "MAIL FROM:<bounces+b@example.com>"]);
}

#[test]
fn without_pipelining_each_command_waits_for_its_reply() {
    let relay = ScriptedRelay::start(vec![script(PLAIN, &[OK, OK, GO_ON, OK, OK, OK, GO_ON, OK])]);
    let mut transport = relay.transport();
    assert_eq!(submit_all(&mut transport, &["a@example.com", "b@example.com"]), [Ok(()); 2]);
    drop(transport);
    assert_eq!(bodies(&relay.received()), [2]);
}

#[test]
fn a_recipient_that_is_refused_while_pipelined_fails_alone() {
    let relay = ScriptedRelay::start(vec![script(
        PIPELINING,
        &[OK, OK, GO_ON, OK, OK, "550 no such user", "503 no recipient", "250 reset", OK, OK, GO_ON, OK],
    )]);
    let mut transport = relay.transport();
    let results = submit_all(&mut transport, &["a@example.com", "b@example.com", "c@example.com"]);
    assert_eq!(results, [Ok(()), Err(Class::Permanent), Ok(())]);
    drop(transport);
    assert_eq!(bodies(&relay.received()), [2]);
}

#[test]
fn after_a_refused_body_the_pipelined_replies_are_read_correctly() {
    let relay = ScriptedRelay::start(vec![script(
        PIPELINING,
        &[OK, OK, GO_ON, "~554 not this one", "~250 ok", "~250 ok", GO_ON, OK],
    )]);
    let mut transport = relay.transport();
    let results = submit_all(&mut transport, &["a@example.com", "b@example.com"]);
    assert_eq!(results, [Err(Class::Suspect(Permanence::Permanent)), Ok(())]);
    drop(transport);
    assert_eq!(bodies(&relay.received()), [2]);
}

#[test]
fn a_connection_closed_after_a_body_charges_no_mail() {
    for end in [HANG_UP, "421 closing"] {
        let fresh = [OK, OK, GO_ON, "~250 ok", "~250 ok", "~250 ok", GO_ON, OK];
        let relay = ScriptedRelay::start(vec![
            script(PIPELINING, &[OK, OK, GO_ON, OK, end, HANG_UP]),
            script(PIPELINING, &fresh),
        ]);
        let mut transport = relay.transport();
        let results = submit_all(&mut transport, &["a@example.com", "b@example.com", "c@example.com"]);
        assert_eq!(results, [Ok(()); 3]);
        drop(transport);
        assert_eq!(bodies(&relay.received()), [1, 2], "the next envelope is pipelined again");
    }
}

#[test]
fn a_relay_that_cannot_pipeline_behind_a_body_gets_one_mail_at_a_time() {
    // It ignores the envelope behind the dot, or refuses it.
    let silent = [OK, OK, GO_ON, OK, "~250 ok", "~250 ok", "~354 go on"];
    let refusing = [OK, OK, GO_ON, OK, "503 bad sequence", "503 bad sequence", "503 bad sequence"];
    for first in [&silent[..], &refusing] {
        let relay = ScriptedRelay::start(vec![
            script(PIPELINING, first),
            script(PIPELINING, &[OK, OK, GO_ON, OK, OK, OK, GO_ON, OK]),
        ]);
        let mut transport = relay.transport_with_timeout(Duration::from_millis(500));
        let results = submit_all(&mut transport, &["a@example.com", "b@example.com", "c@example.com"]);
        assert_eq!(results, [Ok(()); 3]);
        assert!(!transport.pipelines_next);
        drop(transport);
        assert_eq!(bodies(&relay.received()), [1, 2]);
    }
}

#[test]
fn a_relay_that_waits_for_one_mail_does_not_get_another() {
    let relay = ScriptedRelay::start(vec![
        script(PIPELINING, &[OK, OK, GO_ON, "~250 ok", "~250 ok", "~250 ok", GO_ON, OK]),
        script(PIPELINING, &[OK, OK, GO_ON, OK]),
    ]);
    let mut transport = relay.transport();
    let (a, b, c) = (mail("a@example.com"), mail("b@example.com"), mail("c@example.com"));
    assert_eq!(transport.submit(&a, Some(&b), &mut || true), Ok(()));
    assert_eq!(transport.submit(&c, None, &mut || true), Ok(()));
    drop(transport);
    let received = relay.received();
    assert_eq!(bodies(&received), [1, 1]);
    assert!(received[1].contains(&"RCPT TO:<c@example.com>".to_owned()), "{received:?}");
}

#[test]
fn after_a_long_wait_for_a_body_the_mail_goes_to_a_new_connection() {
    let relay = ScriptedRelay::start(vec![
        script(PIPELINING, &[OK, OK, GO_ON, "~250 ok", "~250 ok", "~250 ok", GO_ON, OK]),
        script(PIPELINING, &[OK, OK, GO_ON, OK]),
    ]);
    let mut transport = relay.transport();
    let (a, b) = (mail("a@example.com"), mail("b@example.com"));
    assert_eq!(transport.submit(&a, Some(&b), &mut || true), Ok(()));
    transport.max_data_wait = Duration::ZERO;
    let mut waits = 0;
    let result = transport.submit(&b, None, &mut || {
        waits += 1;
        true
    });
    assert_eq!((result.map_err(|error| error.class), waits), (Err(Class::RelayFailure), 1), "delayed twice");
    drop(transport);
    assert_eq!(bodies(&relay.received()), [1, 0]);
}

#[test]
fn no_quit_is_sent_to_a_relay_that_waits_for_a_body() {
    let relay = ScriptedRelay::start(vec![script(
        PIPELINING,
        &[OK, OK, GO_ON, "~250 ok", "~250 ok", "~250 ok", GO_ON, OK],
    )]);
    let mut transport = relay.transport();
    let (a, b) = (mail("a@example.com"), mail("b@example.com"));
    assert_eq!(transport.submit(&a, Some(&b), &mut || true), Ok(()));
    drop(transport);
    assert_eq!(relay.received()[0].last().unwrap(), "DATA");
}

#[test]
fn the_last_mail_of_a_connection_has_no_envelope_behind_it() {
    let one_mail = || script(PIPELINING, &[OK, OK, GO_ON, OK, "221 bye"]);
    let relay = ScriptedRelay::start(vec![one_mail(), one_mail()]);
    let mut transport = relay.transport();
    transport.max_per_connection = 1;
    assert_eq!(submit_all(&mut transport, &["a@example.com", "b@example.com"]), [Ok(()); 2]);
    drop(transport);
    assert!(relay.received().iter().all(|lines| lines.last().unwrap() == "QUIT"));
}
