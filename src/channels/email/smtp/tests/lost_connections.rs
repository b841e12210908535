//! Connections that wear out, close or break: which mail is tried again, and where.

use super::*;

#[test]
fn a_worn_connection_that_is_gone_is_replaced_without_charging_anyone() {
    for end in [HANG_UP, "421 closing"] {
        let relay = ScriptedRelay::start(vec![
            script(PIPELINING, &[OK, OK, GO_ON, OK, end]),
            script(PIPELINING, &[OK, OK, GO_ON, OK]),
        ]);
        let mut transport = relay.transport();
        assert_eq!(submit(&mut transport, "a@example.com"), (Ok(()), 1));
        assert_eq!(submit(&mut transport, "b@example.com"), (Ok(()), 1));
        drop(transport);
        assert_eq!(relay.heard().len(), 2);
    }
}

#[test]
fn a_refusal_is_taken_at_its_word_even_when_the_connection_goes_with_it() {
    for reply in ["450 later", "550 no such user"] {
        let relay = ScriptedRelay::start(vec![script(PIPELINING, &[OK, OK, GO_ON, OK, OK, reply, HANG_UP])]);
        let mut transport = relay.transport();
        assert_eq!(submit(&mut transport, "a@example.com"), (Ok(()), 1));
        let (result, bodies) = submit(&mut transport, "b@example.com");
        assert_eq!((result.unwrap_err().detail.as_str(), bodies), (reply, 0));
        drop(transport);
        assert_eq!(relay.heard().len(), 1, "no second try");
    }
}

#[test]
fn losses_on_a_fresh_connection_are_told_apart_by_the_dot() {
    let before = ScriptedRelay::start(vec![script(PIPELINING, &[OK, HANG_UP])]);
    let (result, bodies) = submit(&mut before.transport(), "a@example.com");
    assert_eq!((result.unwrap_err().class, bodies), (Class::Transient { ambiguous: false }, 0));

    let after = ScriptedRelay::start(vec![script(PIPELINING, &[OK, OK, GO_ON, HANG_UP])]);
    let (result, bodies) = submit(&mut after.transport(), "a@example.com");
    assert_eq!((result.unwrap_err().class, bodies), (Class::Transient { ambiguous: true }, 1));
}

#[test]
fn a_loss_after_the_dot_is_never_repeated_behind_the_callers_back() {
    let relay = ScriptedRelay::start(vec![script(PIPELINING, &[OK, OK, GO_ON, OK, OK, OK, GO_ON, HANG_UP])]);
    let mut transport = relay.transport();
    assert_eq!(submit(&mut transport, "a@example.com"), (Ok(()), 1));
    let (result, bodies) = submit(&mut transport, "b@example.com");
    assert_eq!((result.unwrap_err().class, bodies), (Class::Transient { ambiguous: true }, 1));
    drop(transport);
    assert_eq!(relay.heard().len(), 1);
}

#[test]
fn a_connection_is_renewed_after_its_share_of_mails() {
    let one_mail = || script(PIPELINING, &[OK, OK, GO_ON, OK, "221 bye"]);
    let relay = ScriptedRelay::start(vec![one_mail(), one_mail()]);
    let mut transport = relay.transport();
    transport.max_per_connection = 1;
    for _ in 0..2 {
        assert_eq!(submit(&mut transport, "a@example.com"), (Ok(()), 1));
    }
    drop(transport);
    let heard = relay.heard();
    assert!(heard.iter().all(|lines| lines.last().unwrap() == "QUIT"), "{heard:?}");
}
