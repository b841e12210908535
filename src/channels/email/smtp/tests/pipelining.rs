//! The envelope of the next mail behind the body of the one before.

use super::*;

/// Submits the mails to these people, each of them announced with the one before. What became of each.
fn submit_all(transport: &mut SmtpTransport, people: &[&str]) -> Vec<Result<(), Class>> {
    let mails: Vec<Mail> = people.iter().map(|to| mail(to)).collect();
    let nexts = mails.iter().skip(1).map(Some).chain([None]);
    mails
        .iter()
        .zip(nexts)
        .map(|(mail, next)| transport.submit(mail, next, &mut || true).map_err(|error| error.class))
        .collect()
}

fn bodies(heard: &[Vec<String>]) -> Vec<usize> {
    heard.iter().map(|lines| lines.iter().filter(|line| line.contains("Subject:")).count()).collect()
}

#[test]
fn a_mail_takes_one_wait() {
    // Nothing is answered to a body before the next envelope has come, whole.
    let behind = ["~250 ok", "~250 ok", "~250 ok", GO_ON];
    let relay = ScriptedRelay::start(vec![script(
        PIPELINING,
        &[&["~250 ok", "~250 ok", GO_ON], &behind[..], &behind, &[OK, OK]].concat(),
    )]);
    let mut transport = relay.transport();
    assert_eq!(submit_all(&mut transport, &["a@example.com", "b@example.com", "c@example.com"]), [Ok(()); 3]);
    drop(transport);
    let heard = relay.heard();
    assert_eq!(bodies(&heard), [3]);
    assert_eq!(heard[0].last().unwrap(), "QUIT");
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
    let heard = relay.heard();
    let senders: Vec<_> = heard[0].iter().filter(|line| line.starts_with("MAIL")).collect();
    assert_eq!(senders, ["MAIL FROM:<events@example.com>", "MAIL FROM:<bounces+b@example.com>"]);
}

#[test]
fn without_pipelining_everything_waits_its_turn() {
    let relay = ScriptedRelay::start(vec![script(PLAIN, &[OK, OK, GO_ON, OK, OK, OK, GO_ON, OK])]);
    let mut transport = relay.transport();
    assert_eq!(submit_all(&mut transport, &["a@example.com", "b@example.com"]), [Ok(()); 2]);
    drop(transport);
    assert_eq!(bodies(&relay.heard()), [2]);
}

#[test]
fn a_recipient_that_is_refused_ahead_is_refused_in_its_turn() {
    let relay = ScriptedRelay::start(vec![script(
        PIPELINING,
        &[OK, OK, GO_ON, OK, OK, "550 no such user", "503 no recipient", "250 reset", OK, OK, GO_ON, OK],
    )]);
    let mut transport = relay.transport();
    let became = submit_all(&mut transport, &["a@example.com", "b@example.com", "c@example.com"]);
    assert_eq!(became, [Ok(()), Err(Class::Permanent), Ok(())]);
    drop(transport);
    assert_eq!(bodies(&relay.heard()), [2]);
}

#[test]
fn a_refused_body_does_not_confuse_the_answers_to_what_is_behind_it() {
    let relay = ScriptedRelay::start(vec![script(
        PIPELINING,
        &[OK, OK, GO_ON, "~554 not this one", "~250 ok", "~250 ok", GO_ON, OK],
    )]);
    let mut transport = relay.transport();
    let became = submit_all(&mut transport, &["a@example.com", "b@example.com"]);
    assert_eq!(became, [Err(Class::Permanent), Ok(())]);
    drop(transport);
    assert_eq!(bodies(&relay.heard()), [2]);
}

#[test]
fn a_relay_that_has_had_enough_after_a_body_costs_nobody_a_try() {
    for end in [HANG_UP, "421 closing"] {
        let fresh = [OK, OK, GO_ON, "~250 ok", "~250 ok", "~250 ok", GO_ON, OK];
        let relay = ScriptedRelay::start(vec![
            script(PIPELINING, &[OK, OK, GO_ON, OK, end, HANG_UP]),
            script(PIPELINING, &fresh),
        ]);
        let mut transport = relay.transport();
        let became = submit_all(&mut transport, &["a@example.com", "b@example.com", "c@example.com"]);
        assert_eq!(became, [Ok(()); 3]);
        drop(transport);
        assert_eq!(bodies(&relay.heard()), [1, 2], "and the next envelope goes behind the body again");
    }
}

#[test]
fn a_relay_that_does_not_understand_what_is_behind_a_body_gets_one_after_the_other() {
    // It loses what comes behind the dot, or refuses it.
    let silent = [OK, OK, GO_ON, OK, "~250 ok", "~250 ok", "~354 go on"];
    let refusing = [OK, OK, GO_ON, OK, "503 bad sequence", "503 bad sequence", "503 bad sequence"];
    for first in [&silent[..], &refusing] {
        let relay = ScriptedRelay::start(vec![
            script(PIPELINING, first),
            script(PIPELINING, &[OK, OK, GO_ON, OK, OK, OK, GO_ON, OK]),
        ]);
        let mut transport = relay.transport_with_timeout(Duration::from_millis(500));
        let became = submit_all(&mut transport, &["a@example.com", "b@example.com", "c@example.com"]);
        assert_eq!(became, [Ok(()); 3]);
        assert!(!transport.pipelines_next);
        drop(transport);
        assert_eq!(bodies(&relay.heard()), [1, 2]);
    }
}

#[test]
fn a_relay_that_answers_to_both_at_once_has_the_time_of_two() {
    // Longer than the timeout, and shorter than two.
    for (people, became) in [(2, vec![Ok(()); 2]), (1, vec![Err(Class::Transient { ambiguous: true })])] {
        let relay = ScriptedRelay::start(vec![script(
            PIPELINING,
            &[OK, OK, GO_ON, "+~250 ok", "~250 ok", "~250 ok", GO_ON, OK],
        )]);
        let mut transport = relay.transport_with_timeout(Duration::from_millis(700));
        assert_eq!(submit_all(&mut transport, &["a@example.com", "b@example.com"][..people]), became);
    }
}

#[test]
fn a_relay_that_waits_for_a_mail_gets_no_other() {
    let relay = ScriptedRelay::start(vec![
        script(PIPELINING, &[OK, OK, GO_ON, "~250 ok", "~250 ok", "~250 ok", GO_ON, OK]),
        script(PIPELINING, &[OK, OK, GO_ON, OK]),
    ]);
    let mut transport = relay.transport();
    let (a, b, c) = (mail("a@example.com"), mail("b@example.com"), mail("c@example.com"));
    assert_eq!(transport.submit(&a, Some(&b), &mut || true), Ok(()));
    assert_eq!(transport.submit(&c, None, &mut || true), Ok(()));
    drop(transport);
    let heard = relay.heard();
    assert_eq!(bodies(&heard), [1, 1]);
    assert!(heard[1].contains(&"RCPT TO:<c@example.com>".to_owned()), "{heard:?}");
}

#[test]
fn a_relay_that_waited_for_a_mail_that_is_long_in_coming_is_asked_anew() {
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
    assert_eq!((result.map_err(|error| error.class), waits), (Err(Class::RelayFailure), 1), "twice too late");
    drop(transport);
    assert_eq!(bodies(&relay.heard()), [1, 0]);
}

#[test]
fn nobody_takes_leave_of_a_relay_that_waits_for_a_body() {
    let relay = ScriptedRelay::start(vec![script(
        PIPELINING,
        &[OK, OK, GO_ON, "~250 ok", "~250 ok", "~250 ok", GO_ON, OK],
    )]);
    let mut transport = relay.transport();
    let (a, b) = (mail("a@example.com"), mail("b@example.com"));
    assert_eq!(transport.submit(&a, Some(&b), &mut || true), Ok(()));
    drop(transport);
    assert_eq!(relay.heard()[0].last().unwrap(), "DATA");
}

#[test]
fn what_the_next_connection_has_to_carry_is_not_announced_on_a_worn_one() {
    let one_mail = || script(PIPELINING, &[OK, OK, GO_ON, OK, "221 bye"]);
    let relay = ScriptedRelay::start(vec![one_mail(), one_mail()]);
    let mut transport = relay.transport();
    transport.max_per_connection = 1;
    assert_eq!(submit_all(&mut transport, &["a@example.com", "b@example.com"]), [Ok(()); 2]);
    drop(transport);
    assert!(relay.heard().iter().all(|lines| lines.last().unwrap() == "QUIT"));
}
