//! Mails that need a capability: with and without it.

use super::*;

#[test]
fn an_address_beyond_ascii_needs_smtputf8() {
    let relay = ScriptedRelay::start(vec![script(PIPELINING, &[OK, OK, GO_ON, OK])]);
    let mut transport = relay.transport();
    let (result, bodies) = submit(&mut transport, "jürgen@example.com");
    let error = result.unwrap_err();
    assert_eq!((error.class, error.code, bodies), (Class::Permanent, None, 0));
    assert_eq!(submit(&mut transport, "a@example.com"), (Ok(()), 1));

    let utf8 = ["220 relay", "250-relay\r\n250-PIPELINING\r\n250 SMTPUTF8"];
    let relay = ScriptedRelay::start(vec![script(utf8, &[OK, OK, GO_ON, OK])]);
    let mut transport = relay.transport();
    assert_eq!(submit(&mut transport, "jürgen@example.com"), (Ok(()), 1));
    drop(transport);
    assert_eq!(relay.received()[0][0], "MAIL FROM:<events@example.com> SMTPUTF8 BODY=8BITMIME");
}

#[test]
fn a_mail_beyond_the_size_limit_fails_without_asking_the_relay() {
    // The limit is about the mail as it is, without stuffed dots and the final one (RFC 1870).
    let fits = mail("a@example.com").size;
    let relay = ScriptedRelay::start(vec![script(opening(fits - 1), &[OK, OK, GO_ON, OK])]);
    let mut transport = relay.transport();
    let (result, bodies) = submit(&mut transport, "a@example.com");
    let error = result.unwrap_err();
    assert_eq!((error.class, error.code, bodies), (Class::Permanent, None, 0));
    assert_eq!(error.detail, "the mail has 20 bytes, and the relay accepts at most 19 (SIZE, RFC 1870)");
    let smaller = Mail { size: 19, ..mail("b@example.com") };
    assert_eq!(transport.submit(&smaller, None, &mut || true), Ok(()));
    drop(transport);
    assert_eq!(
        relay.received()[0][0],
        "MAIL FROM:<events@example.com>",
        "the relay received one envelope only"
    );

    for size in ["20", "0", "", "-1", "much", "99999999999999999999999999"] {
        let relay = ScriptedRelay::start(vec![script(opening(size), &[OK, OK, GO_ON, OK])]);
        assert_eq!(submit(&mut relay.transport(), "a@example.com"), (Ok(()), 1), "SIZE {size}");
    }
}

/// Greeting and reply to EHLO of a relay with a size limit.
fn opening(size: impl std::fmt::Display) -> [&'static str; 2] {
    ["220 relay", format!("250-relay\r\n250-PIPELINING\r\n250 SIZE {size}").leak()]
}
