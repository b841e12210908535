//! What a relay offers decides about mails that need it.

use super::*;

#[test]
fn an_address_beyond_ascii_needs_smtputf8() {
    let relay = ScriptedRelay::start(vec![script(PIPELINING, &[OK, OK, GO_ON, OK])]);
    let mut transport = relay.transport();
    let (result, bodies) = submit(&mut transport, "jürgen@example.com");
    let refusal = result.unwrap_err();
    assert_eq!((refusal.class, refusal.smtp_code, bodies), (Class::Permanent, None, 0));
    assert_eq!(submit(&mut transport, "a@example.com"), (Ok(()), 1));

    let utf8 = ["220 relay", "250-relay\r\n250-PIPELINING\r\n250 SMTPUTF8"];
    let relay = ScriptedRelay::start(vec![script(utf8, &[OK, OK, GO_ON, OK])]);
    let mut transport = relay.transport();
    assert_eq!(submit(&mut transport, "jürgen@example.com"), (Ok(()), 1));
    drop(transport);
    assert_eq!(relay.heard()[0][0], "MAIL FROM:<events@example.com> SMTPUTF8 BODY=8BITMIME");
}
